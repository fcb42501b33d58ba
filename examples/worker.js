// The worker: trains what it is sent, tells how far it is at most ten times per second, and stops when asked.
import { train } from "../dist/index.js";

let controller = new AbortController();

addEventListener("message", async ({ data }) => {
  if (data.type === "stop") return controller.abort(new Error("stopped"));
  controller = new AbortController();
  let toldMs = 0;
  const onStep = ({ step, loss }) => {
    if (performance.now() - toldMs < 100) return;
    toldMs = performance.now();
    postMessage({ type: "progress", step, loss });
  };
  try {
    const model = await train(data.texts, { ...data.options, onStep, signal: controller.signal });
    const samples = [];
    for (let seed = 1; seed <= 5; seed++) samples.push(await model.generate({ seed }));
    const bytes = await model.save();
    postMessage({ type: "done", samples, bytes }, [bytes.buffer]);
  } catch (error) {
    postMessage({ type: "failed", message: error.message });
  }
});
