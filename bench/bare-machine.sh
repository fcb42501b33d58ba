#!/bin/sh
# Packs what `bench gpu` needs into one folder, for a Linux machine (x64) with a GPU and nothing else: no network, no
# Node, no Vulkan loader. There: `sh FOLDER/run.sh`. Needs apt, for the loader.
set -eu
out=${1:?usage: npm run bench:pack FOLDER}
cd "$(dirname "$0")/.."
mkdir -p "$out/node_modules/webgpu/dist/linux-x64"
cp -r dist bench data package.json "$out/"
cp node_modules/webgpu/package.json node_modules/webgpu/index.js "$out/node_modules/webgpu/"
cp node_modules/webgpu/dist/linux-x64/* "$out/node_modules/webgpu/dist/linux-x64/"
cp -r node_modules/debug node_modules/ms "$out/node_modules/"
cp "$(node -p process.execPath)" "$out/node"
strip "$out/node" 2>/dev/null || true
(cd "$out" && { [ -d loader ] || { apt-get download libvulkan1 && dpkg -x libvulkan1_*.deb loader && rm libvulkan1_*.deb; }; })
cat > "$out/run.sh" <<'RUN'
#!/bin/sh
# NVIDIA's driver says where it is in one of these; others are found by the loader itself.
cd "$(dirname "$0")"
for icd in /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json /etc/vulkan/icd.d/nvidia_icd.json; do
  [ -n "${VK_DRIVER_FILES:-}" ] || [ ! -f "$icd" ] || export VK_DRIVER_FILES="$icd"
done
export LD_LIBRARY_PATH="$PWD/loader/usr/lib/x86_64-linux-gnu:${LD_LIBRARY_PATH:-}"
export MICROGPT_PYTHON="${MICROGPT_PYTHON:-python3}" MICROGPT_PEAK="${MICROGPT_PEAK:-67}"
exec ./node bench/run.mjs gpu "$@"
RUN
du -sh "$out"
