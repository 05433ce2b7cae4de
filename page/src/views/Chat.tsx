/** A conversation, or for a model that only goes on with texts, that. */

import { useEffect, useRef, useState } from "preact/hooks";
import { events, Problem, recorded } from "../api";
import { percent, visible } from "../format";
import { useShared } from "../state";
import { TEXT } from "../strings";

interface Alternative {
  token: string;
  logprob: number;
}

interface Token extends Alternative {
  top: Alternative[];
}

interface Turn {
  role: "user" | "assistant";
  content: string;
  tokens: Token[];
}

const TOP = 5;
const BASE_TOKENS = 200;

export function Chat() {
  const { about, fail } = useShared();
  const [turns, setTurns] = useState<Turn[]>([]);
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [picked, setPicked] = useState<Token | null>(null);
  const stop = useRef<AbortController | null>(null);
  const [busy, setBusy] = useState(false);
  const say = TEXT.chat;
  useEffect(() => () => stop.current?.abort(), []);

  const answer = async (said: Turn[]) => {
    const own: Turn = { role: "assistant", content: "", tokens: [] };
    setTurns([...said, own]);
    setProblem(null);
    setPicked(null);
    setBusy(true);
    stop.current = new AbortController();
    try {
      for await (const part of about.chat
        ? chatParts(said, stop.current.signal)
        : textParts(said.at(-1)!.content, about.config.block_size, stop.current.signal)) {
        own.content += part.content;
        own.tokens.push(...part.tokens);
        setTurns([...said, { ...own }]);
      }
    } catch (error) {
      if (stop.current.signal.aborted) {
        // what has come stays
      } else if (error instanceof Problem && error.kind !== "refused") fail(error);
      else setProblem((error as Error).message);
    }
    setBusy(false);
  };
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    if (!text.trim() || busy) return;
    const before = about.chat ? turns : [];
    setText("");
    void answer([...before, { role: "user", content: text, tokens: [] }]);
  };
  if (recorded) return <p class="note">{say.saved}</p>;
  return (
    <div class="chat">
      <p>{about.chat ? say.intro : say.base}</p>
      <ol class="turns" aria-live="polite">
        {turns.map((turn, i) => (
          <li key={i} class={turn.role}>
            <b>{turn.role === "user" ? say.you : say.model}</b>
            {turn.tokens.length ? (
              <p data-turn={turn.role} data-text={turn.content}>
                {turn.tokens.map((token, k) => (
                  <button
                    key={k} type="button" class="word" data-logprob={token.logprob}
                    title={percent(Math.exp(token.logprob))} onClick={() => setPicked(token)}
                  >
                    {token.token}
                  </button>
                ))}
              </p>
            ) : (
              <p data-turn={turn.role}>{turn.content}</p>
            )}
            {turn.role === "user" && !busy && (
              <button
                type="button"
                onClick={() => {
                  setText(turn.content);
                  setTurns(turns.slice(0, i));
                }}
              >
                {say.edit}
              </button>
            )}
          </li>
        ))}
      </ol>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {picked && (
        <table class="bars" data-bars="alternatives">
          <caption>{say.alternatives(visible(picked.token))}</caption>
          <tbody>
            {picked.top.map(({ token, logprob }) => (
              <tr key={token}>
                <th scope="row"><code>{visible(token)}</code></th>
                <td data-value={Math.exp(logprob)}>
                  <span class="bar bar-0" style={{ width: `${70 * Math.exp(logprob)}%` }} />
                  <span class="number">{percent(Math.exp(logprob))}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <form onSubmit={send}>
        <label>
          {say.say}
          <textarea
            rows={2} value={text} name="message"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="submit" disabled={busy}>{say.send}</button>
          <button type="button" disabled={!busy} onClick={() => stop.current?.abort()}>
            {say.stop}
          </button>
          <button
            type="button"
            disabled={busy || turns.at(-1)?.role !== "assistant"}
            onClick={() => void answer(turns.slice(0, -1))}
          >
            {say.again}
          </button>
          <button type="button" disabled={busy || !turns.length} onClick={() => setTurns([])}>
            {say.clear}
          </button>
        </div>
      </form>
    </div>
  );
}

interface Part {
  content: string;
  tokens: Token[];
}

async function* chatParts(turns: Turn[], signal: AbortSignal): AsyncGenerator<Part> {
  const messages = turns.map(({ role, content }) => ({ role, content }));
  const body = { messages, stream: true, logprobs: true, top_logprobs: TOP };
  for await (const data of events("/v1/chat/completions", body, signal)) {
    if (data === "[DONE]") return;
    const choice = parsed(data).choices?.[0];
    const tokens = (choice?.logprobs?.content ?? []).map((item: any): Token => ({
      token: item.token, logprob: item.logprob, top: item.top_logprobs,
    })); // prettier-ignore
    yield { content: choice?.delta?.content ?? "", tokens };
  }
}

async function* textParts(prompt: string, longest: number, signal: AbortSignal): AsyncGenerator<Part> {
  const room = Math.max(1, Math.min(BASE_TOKENS, longest - [...prompt].length - 1));
  const body = { prompt, max_tokens: room, temperature: 0.8, stream: true, logprobs: TOP };
  for await (const data of events("/v1/completions", body, signal)) {
    if (data === "[DONE]") return;
    const choice = parsed(data).choices?.[0];
    const said = choice?.logprobs;
    const tokens = (said?.tokens ?? []).map((token: string, i: number): Token => ({
      token,
      logprob: said.token_logprobs[i],
      top: Object.entries(said.top_logprobs[i] as Record<string, number>)
        .map(([name, logprob]) => ({ token: name, logprob }))
        .sort((a, b) => b.logprob - a.logprob),
    }));
    yield { content: choice?.text ?? "", tokens };
  }
}

function parsed(data: string): any {
  const value = JSON.parse(data);
  if (value.error) throw new Problem(value.error.message, "refused");
  return value;
}
