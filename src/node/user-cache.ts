/** Where what can be made anew is kept between runs: this program's directory in the user's cache. */
import { join } from "node:path";
import envPaths from "env-paths";

/** A path in the user's cache, such as `~/.cache/microgpt/native` for "native". */
export const userCache = (...names: readonly string[]): string =>
  join(envPaths("microgpt", { suffix: "" }).cache, ...names);
