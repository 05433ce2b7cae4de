/** The page: what all views share above, the chosen view below. */

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type About, type Event, events, json, Problem, recorded, setKey } from "./api";
import type { Tokens, Training } from "./api";
import { savePage } from "./export";
import { checkpointName, counted, visible } from "./format";
import {
  hashOf, type Place, placeOf, type Shared, SharedContext, useShared, VIEWS, type View,
} from "./state"; // prettier-ignore
import { TEXT } from "./strings";
import { Ablate } from "./views/Ablate";
import { Backward } from "./views/Backward";
import { Chat } from "./views/Chat";
import { Compare } from "./views/Compare";
import { Embeddings } from "./views/Embeddings";
import { Flow } from "./views/Flow";
import { Heads } from "./views/Heads";
import { Learn } from "./views/Learn";
import { Lens } from "./views/Lens";
import { Sample } from "./views/Sample";
import { TokensView } from "./views/Tokens";
import { Train } from "./views/Train";

const SHOWN = {
  train: Train, flow: Flow, backward: Backward, heads: Heads, lens: Lens, ablate: Ablate,
  sample: Sample, tokens: TokensView, embeddings: Embeddings, chat: Chat, compare: Compare,
  learn: Learn,
}; // prettier-ignore
const WITH_CHECKPOINT: View[] = ["flow", "backward", "heads", "lens", "ablate", "sample"];
const WITH_TEXT: View[] = [...WITH_CHECKPOINT, "tokens", "compare"];
const LOOK_MS = 1500; // between two looks at weights that change

export function App() {
  const [about, setAbout] = useState<About | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [tries, setTries] = useState(0);
  const fail = useCallback((error: unknown) => {
    setProblem(error instanceof Problem ? error : new Problem(String(error), "refused"));
  }, []);
  useEffect(() => {
    json<About>("/api/model").then(setAbout).catch(fail);
  }, [tries, fail]);
  const again = () => {
    setProblem(null);
    setTries(tries + 1);
  };
  if (problem) return <Failed problem={problem} again={again} />;
  if (!about) return <p class="status" role="status">{TEXT.loading}</p>;
  return <Loaded key={tries} about={about} fail={fail} />;
}

function Failed({ problem, again }: { problem: Problem; again: () => void }) {
  const key = useRef<HTMLInputElement>(null);
  const use = (event: SubmitEvent) => {
    event.preventDefault();
    setKey(key.current!.value);
    again();
  };
  return (
    <main class="failed">
      <h1>{problem.kind === "gone" ? TEXT.goneTitle : TEXT.title}</h1>
      <p role="alert">{problem.message}</p>
      {problem.kind === "key" ? (
        <form onSubmit={use}>
          <label>{TEXT.keyLabel} <input ref={key} type="password" autocomplete="off" /></label>
          <button type="submit">{TEXT.keySend}</button>
        </form>
      ) : (
        <button type="button" onClick={again}>{TEXT.again}</button>
      )}
    </main>
  );
}

function Loaded({ about, fail }: { about: About; fail: (problem: unknown) => void }) {
  const [place, setPlace] = useState(() => placeOf(location.hash, about));
  const [tokens, setTokens] = useState<Tokens | null>(null);
  const [tokenProblem, setTokenProblem] = useState<string | null>(null);
  const { training, seen, version } = useTraining(about, fail);
  useEffect(() => {
    const change = () => setPlace(placeOf(location.hash, about));
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, [about]);
  useEffect(() => {
    document.title = `${about.name} · ${TEXT.views[place.view]}`;
  }, [about, place.view]);
  useEffect(() => {
    const stop = new AbortController();
    json<Tokens>("/api/tokens", { text: place.text, begin: place.begin }, stop.signal)
      .then((found) => {
        const most = about.config.block_size;
        const long = found.ids.length > most;
        setTokens(long ? null : found);
        setTokenProblem(long ? TEXT.tooLong(most, found.ids.length) : null);
      })
      .catch((error) => {
        if (stop.signal.aborted) return;
        if (error instanceof Problem && error.kind === "refused") {
          setTokens(null);
          setTokenProblem(error.message);
        } else fail(error);
      });
    return () => stop.abort();
  }, [place.text, place.begin]);
  const go = useCallback(
    (change: Partial<Place>) =>
      setPlace((before) => {
        const next = { ...before, ...change };
        const changesView = next.view !== before.view;
        history[changesView ? "pushState" : "replaceState"](null, "", hashOf(next));
        return next;
      }),
    [],
  );
  const shared: Shared = useMemo(
    () => ({ about, place, go, tokens, training, events: seen, version, fail }),
    [about, place, tokens, training, seen, version],
  );
  const Chosen = SHOWN[place.view];
  return (
    <SharedContext.Provider value={shared}>
      <a class="skip" href="#view" onClick={skip}>{TEXT.skip}</a>
      <header>
        <h1>{about.name}</h1>
        <p>
          {TEXT.about(
            counted(about.parameters), about.config.n_layer, about.config.n_head, about.config.n_embd,
          )}
        </p>
        <SaveButton shared={shared} />
      </header>
      <nav aria-label={TEXT.viewsLabel}>
        {VIEWS.map((view) => (
          <a
            key={view}
            href={hashOf({ ...place, view })}
            aria-current={view === place.view ? "page" : undefined}
          >
            {TEXT.views[view]}
          </a>
        ))}
      </nav>
      {recorded && <p class="status" role="status">{TEXT.savedPage}</p>}
      <main id="view" tabIndex={-1}>
        <h2>{TEXT.views[place.view]}</h2>
        {WITH_TEXT.includes(place.view) && <Prompt problem={tokenProblem} />}
        {(!WITH_TEXT.includes(place.view) || tokens) && <Chosen />}
      </main>
    </SharedContext.Provider>
  );
}

function skip(event: MouseEvent): void {
  event.preventDefault(); // the address is the page's place
  document.getElementById("view")?.focus();
}

/** The events of the training, as they come, and when the weights are worth another look. */
function useTraining(about: About, fail: (problem: unknown) => void) {
  const [training, setTraining] = useState<Training>(about.training);
  const [seen, setSeen] = useState<Event[]>(recorded?.events ?? []);
  const [version, setVersion] = useState(0);
  useEffect(() => {
    if (recorded) return;
    const stop = new AbortController();
    let looked = Date.now();
    let paused = false;
    const read = async () => {
      for await (const data of events("/api/training/events", undefined, stop.signal)) {
        const news = JSON.parse(data) as { state: Training; events: Event[] };
        setTraining(news.state);
        const pauses = news.state.paused && !paused;
        paused = news.state.paused;
        if (!news.events.length && !pauses) continue;
        setSeen((before) => before.concat(news.events));
        const due = paused || Date.now() - looked > LOOK_MS;
        if (news.state.live && news.state.controls && due) {
          looked = Date.now();
          setVersion((before) => before + 1);
        }
      }
      if (!stop.signal.aborted) throw new Problem(TEXT.gone, "gone");
    };
    read().catch(fail);
    return () => stop.abort();
  }, [about, fail]);
  return { training, seen, version };
}

function Prompt({ problem }: { problem: string | null }) {
  const { about, place, go, tokens } = useShared();
  const waiting = useRef(0);
  const change = (event: { currentTarget: HTMLTextAreaElement }) => {
    const text = event.currentTarget.value;
    clearTimeout(waiting.current);
    waiting.current = window.setTimeout(() => go({ text }), 250);
  };
  return (
    <div class="prompt">
      <label>
        {TEXT.prompt}
        <textarea
          rows={2}
          defaultValue={place.text}
          placeholder={TEXT.promptEmpty}
          onInput={change}
          spellcheck={false}
        />
      </label>
      {about.bos !== null && (
        <label class="check">
          <input
            type="checkbox"
            name="begin"
            checked={place.begin}
            onChange={(event) => go({ begin: event.currentTarget.checked })}
          />{" "}
          {TEXT.begin}
        </label>
      )}
      {problem && <p class="problem" role="alert">{problem}</p>}
      {tokens && (
        <ol class="chips" aria-label={TEXT.views.tokens}>
          {tokens.names.slice(-about.window).map((name, i) => (
            <li key={i}><code>{visible(name)}</code></li>
          ))}
        </ol>
      )}
      {tokens && tokens.ids.length > about.window && (
        <p class="note">{TEXT.window(about.window, tokens.ids.length)}</p>
      )}
      {WITH_CHECKPOINT.includes(place.view) && about.checkpoints.length > 1 && (
        <CheckpointSlider />
      )}
    </div>
  );
}

function CheckpointSlider() {
  const { about, place, go } = useShared();
  const names = about.checkpoints;
  const at = Math.max(0, names.indexOf(place.checkpoint));
  return (
    <label class="slider">
      {TEXT.checkpoint}
      <input
        type="range"
        min={0}
        max={names.length - 1}
        value={at}
        aria-valuetext={checkpointName(names[at]!)}
        onInput={(event) => go({ checkpoint: names[Number(event.currentTarget.value)]! })}
      />
      <output>{checkpointName(names[at]!)}</output>
    </label>
  );
}

function SaveButton({ shared }: { shared: Shared }) {
  const [busy, setBusy] = useState(false);
  if (recorded) return null;
  const save = () => {
    setBusy(true);
    savePage(shared)
      .catch(shared.fail)
      .finally(() => setBusy(false));
  };
  return (
    <button type="button" class="save" disabled={busy} onClick={save}>
      {busy ? TEXT.saving : TEXT.save}
    </button>
  );
}
