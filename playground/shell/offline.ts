/**
 * Registers the service worker of the built site: it works offline after the first visit and, on a host that cannot set
 * the headers, is cross-origin isolated after one reload, so that a training may use threads.
 */

/** Remembers, for this tab, that it has been reloaded for the sake of isolation: a second time would not help. */
const RELOADED = "microgpt-reloaded";

/** Names of the machine's own address, where `microgpt open` and vite serve. */
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Whether the page is served by this machine, to nobody else. */
export const isOnThisMachine = (): boolean => LOOPBACK.has(location.hostname);

/**
 * Registers, and reloads the page once if that isolates it. Never rejects: without a service worker the page works
 * online, with one thread where the host sets no headers.
 */
export async function startOffline(): Promise<void> {
  const isControlled = navigator.serviceWorker?.controller != null;
  if (crossOriginIsolated) forgetReload();
  if (!isWanted()) return;
  try {
    await navigator.serviceWorker.register(new URL("./service-worker.js", document.baseURI), {
      updateViaCache: "none",
    });
    if (crossOriginIsolated || isControlled) return;
    await navigator.serviceWorker.ready;
    // Not under the hands of a visitor, who has a training or a text to lose; the next visit is isolated anyway.
    if (!navigator.userActivation.hasBeenActive && rememberReload()) location.reload();
  } catch {
    // Refused, as in some private windows, or offline at the first visit.
  }
}

/** `microgpt open` isolates its pages itself, and is another version, or gone, tomorrow: its files are not kept. */
function isWanted(): boolean {
  const isServedHere = crossOriginIsolated && isOnThisMachine();
  return "serviceWorker" in navigator && !isServedHere;
}

/** @returns whether the tab may be reloaded: it has not been before, and that is now remembered. */
function rememberReload(): boolean {
  try {
    if (sessionStorage.getItem(RELOADED) !== null) return false;
    sessionStorage.setItem(RELOADED, "yes");
    return true;
  } catch {
    return false; // storage is refused: nothing would end a loop
  }
}

function forgetReload(): void {
  try {
    sessionStorage.removeItem(RELOADED);
  } catch {
    // nothing was remembered either
  }
}
