/** The training worker: receives calls, runs them on the session, and posts results. */
import { load } from "../../src/index.ts";
import { post, serveCalls } from "./calls.ts";
import type { CallOf } from "./calls.ts";
import type {
  FilesRequest,
  OpenedRun,
  PreviewRequest,
  ProgressMessage,
  RunMethods,
  RunReport,
  RunRequest,
  Sample,
} from "./protocol.ts";
import { previewOf } from "./preview.ts";
import { Session } from "./session.ts";

let session: Session | null = null;

const sendProgress = (progress: ProgressMessage, transfer: readonly ArrayBuffer[]): void =>
  post({ type: "progress", progress } satisfies RunReport, transfer);

/** The new run's first report is in the answer: as a message of its own, it would come before the page knows of the run. */
async function replace(next: Promise<Session>): Promise<OpenedRun> {
  const opened = await next;
  await session?.close();
  session = opened;
  return session.opened();
}

const open = (request: RunRequest): Promise<OpenedRun> => replace(Session.open(request, sendProgress));
const openFiles = (request: FilesRequest): Promise<OpenedRun> => replace(Session.openFiles(request, sendProgress));

async function preview(request: PreviewRequest): Promise<readonly Sample[]> {
  const model = await load(request.model);
  try {
    return await previewOf(model, request);
  } finally {
    await model.close();
  }
}

/** The present run. Throws Error if there is none. */
function present(): Session {
  if (session === null) throw new Error("there is no training yet; start one on the Play page");
  return session;
}

async function answer(call: CallOf<RunMethods>): Promise<unknown> {
  switch (call.method) {
    case "open":
      return await open(call.argument);
    case "openFiles":
      return await openFiles(call.argument);
    case "preview":
      return await preview(call.argument);
    case "play":
      return present().play();
    case "pause":
      return await present().pause();
    case "stepForward":
      return await present().stepForward();
    case "stepBack":
      return await present().stepBack();
    case "reset":
      return await present().reset();
    case "files":
      return await present().files();
    case "save":
      return await present().save();
    case "samples":
      return await present().viewer.samples(call.argument);
    case "nextTokens":
      return await present().viewer.nextTokens(call.argument);
    case "matrixNames":
      return [...(await present().viewer.weights(null)).keys()];
    case "inspect":
      return await present().viewer.inspect(call.argument);
    case "heldOutLoss":
      return await present().viewer.heldOutLoss(call.argument);
    case "contributions":
      return await present().viewer.contributions(call.argument);
    case "matrix":
      return await present().matrix(call.argument);
    default:
      throw new Error(`the worker does not know ${String(call satisfies never)}`);
  }
}

serveCalls<RunMethods>(answer);
