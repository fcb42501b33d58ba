import { describe, expect, test } from "vitest";
import { microgptHere, trained } from "../setup/microgpt.ts";
import { startServer } from "../setup/open.ts";

describe("microgpt serve", () => {
  test("prints where it answers, answers, and exits with 0 at SIGTERM", async () => {
    const { directory } = trained();
    const { url, stop, printed } = await startServer("serve", "run", "--runs-dir", directory, "--port", "0");
    expect(printed()).toMatch(
      /^serving {2}run\npage {8}(http:\/\/127\.0\.0\.1:\d+)\/\nOpenAI API {2}\1\/v1\nCtrl-C ends it\n$/,
    );
    const body = JSON.stringify({ model: "run", prompt: "ba", max_tokens: 4, seed: 1 });
    const response = await fetch(new URL("/v1/completions", url), { method: "POST", body });
    expect(response.status).toBe(200);
    expect(await stop("SIGTERM")).toBe(0);
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  test("--host that others can reach needs a key", async () => {
    const { run } = trained();
    const { exitCode, stderr } = await microgptHere(["serve", run, "--host", "0.0.0.0"], {
      env: { MICROGPT_API_KEY: "" },
    });
    expect([exitCode, stderr]).toEqual([
      2,
      "microgpt: --host 0.0.0.0: others can reach it; give a key by --api-key, or in MICROGPT_API_KEY, or drop --host\n",
    ]);
  });

  test("two runs of one name are refused", async () => {
    const [one, other] = [trained(), trained()];
    const { exitCode, stderr } = await microgptHere(["serve", one.run, other.run]);
    expect([exitCode, stderr]).toEqual([
      2,
      'microgpt: two runs have the name "run", and a model is asked for by name; serve one of them\n',
    ]);
  });
});
