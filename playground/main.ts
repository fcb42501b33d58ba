/** The playground's entry point: registers the shell, which loads each page when it is first shown. */
import "./shell/shell.ts";
