/** The programs of this folder's package, which only `npm run test:clients` installs. */
import { existsSync } from "node:fs";

/** Whether they are installed: npm writes this file last. */
export const hasClients: boolean = existsSync(new URL("node_modules/.package-lock.json", import.meta.url));

/** What the name of a test says where they are not. */
export const WITHOUT_CLIENTS = "(skipped where test/clients is not installed)";

/** A package of this folder. Its types are not there where it is not installed, so the caller says what it uses. */
export async function client<Module>(name: string): Promise<Module> {
  return (await import(/* @vite-ignore */ name)) as Module;
}
