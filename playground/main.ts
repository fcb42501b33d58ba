/** The playground's entry point: registers the shell, which loads each page when it is first shown. */
import { startOffline } from "./shell/offline.ts";
import "./shell/shell.ts";

// The dev server's files change while one looks at them.
if (import.meta.env.PROD) void startOffline();
