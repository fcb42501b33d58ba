/** Builds the page of one model into `dist/`, where `microgpt export --to html` and `microgpt serve` read it. Run: npm run build */
import { buildModelPage } from "../playground/build/model-page.ts";
import { writeDurably } from "../src/node/files.ts";
import { MODEL_PAGE } from "../src/run/model-page.ts";

writeDurably(MODEL_PAGE, await buildModelPage());
