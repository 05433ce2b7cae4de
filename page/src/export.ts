/** One HTML file with what was recorded, which opens from the disk. */

import { arrays, json, Problem, record, send } from "./api";
import type { Shared } from "./state";
import { lookedAt } from "./views/Evaluations";
import { askedOfSample } from "./views/Sample";
import { askedOfBackward } from "./views/stages";

const LAYERS = 12; // of which the flow is recorded
const LOOKS = 40; // of evaluations, the newest

export async function savePage(shared: Shared): Promise<void> {
  const { about, place, tokens } = shared;
  const at = place.checkpoint;
  if (tokens) {
    const ids = tokens.ids;
    for (let layer = 0; layer < Math.min(about.config.n_layer, LAYERS); layer++) {
      await arrays("/api/flow", { ids, layer, checkpoint: at });
      if (ids.length > 1) {
        await unlessRefused(arrays("/api/backward", askedOfBackward(ids, layer, at)));
      }
      for (let head = 0; head < about.config.n_head; head++) {
        if (about.config.n_layer * about.config.n_head <= 64) {
          await arrays("/api/head", { ids, layer, head, checkpoint: at });
        }
      }
    }
    await arrays("/api/heads", { ids, checkpoint: at });
    await arrays("/api/lens", { ids, checkpoint: at });
    await json("/api/sample", askedOfSample(ids, at));
    const parts = about.config.n_layer * (about.config.n_head + 2);
    await json("/api/ablate", { ids, checkpoint: at, scales: Array(parts).fill(1) });
    if (ids.length > 1) await json("/api/rank", { ids, checkpoint: at });
  }
  for (const step of lookedAt(shared.events).slice(-LOOKS)) {
    await unlessRefused(arrays("/api/probe", { step }));
  }
  await arrays("/api/embeddings");
  await json("/api/lessons");
  const page = await (await send("/", undefined)).text();
  const saved = JSON.stringify(record(shared.events)).replaceAll("<", "\\u003c");
  const data = `<script type="application/json" id="recorded">${saved}</script>`;
  const html = page.replace("<head>", () => `<head>${data}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([html], { type: "text/html" }));
  link.download = `${about.name}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Rounded weights have no gradients, and a look may have gone: the rest is saved without them. */
async function unlessRefused(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof Problem && error.kind === "refused")) throw error;
  }
}
