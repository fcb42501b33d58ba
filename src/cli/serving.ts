/** The flags of `open` and `serve`, the commands that answer over HTTP. */
import { Option as Flag } from "commander";
import type { Command } from "commander";
import { findRun } from "../sweep/find-run.ts";
import { jsonFlag, portFlag, runsDirFlag } from "./flags.ts";
import type { CommonFlags, Exit } from "./flags.ts";

/** The port of `serve`. */
const SERVE_PORT = 8000;

interface PortFlags extends CommonFlags {
  readonly port?: number;
}

interface ServeCommandFlags extends PortFlags {
  readonly host: string;
  readonly apiKey?: string;
  readonly cors?: string;
}

/** Adds the commands that answer over HTTP. */
export function addServing(program: Command, exit: Exit): void {
  program
    .command("open [RUN]")
    .description("serve the playground, a page where models train, on this machine; opens a run in it")
    .addOption(portFlag("7340, or a free one", 1))
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string | undefined, { port, json = false, runsDir }: PortFlags) => {
      const { open } = await import("./open.ts");
      exit(await open(run === undefined ? null : findRun(run, runsDir), { port: port ?? null, json }));
    });
  program
    .command("serve <RUN...>")
    .description("answer OpenAI's completions API with the models of runs")
    .addOption(
      new Flag("--host <ADDRESS>", "address to listen on; others than loopback need a key").default("127.0.0.1"),
    )
    .addOption(portFlag(`${SERVE_PORT}; 0: a free one`, 0))
    .addOption(
      new Flag("--api-key <KEY>", "what clients must send as Authorization: Bearer KEY").env("MICROGPT_API_KEY"),
    )
    .addOption(new Flag("--cors <ORIGIN>", "let the pages of this origin ask, too"))
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (runs: string[], flags: ServeCommandFlags) => {
      const { serve } = await import("./serve.ts");
      const { host, port = SERVE_PORT, cors = null, json = false } = flags;
      const apiKey = flags.apiKey === undefined || flags.apiKey === "" ? null : flags.apiKey;
      exit(
        await serve(
          runs.map((run) => findRun(run, flags.runsDir)),
          { host, port, apiKey, cors, json },
        ),
      );
    });
}
