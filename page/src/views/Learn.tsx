/** The lessons: to read, with what their code prints, what to predict and what to change. */

import type { Lesson, LessonPart } from "../api";
import { Inline, Markdown } from "../parts/Markdown";
import { Status } from "../parts/Status";
import { useJson, useShared } from "../state";
import { TEXT } from "../strings";

export function Learn() {
  const { place, go } = useShared();
  const { value, busy, problem } = useJson<{ lessons: Lesson[] }>("/api/lessons", undefined, true);
  const say = TEXT.learn;
  const lessons = value?.lessons ?? [];
  const lesson = lessons.find((one) => one.number === place.lesson) ?? lessons[0];
  return (
    <div class="learn">
      <p>{say.intro}</p>
      <Status busy={busy && !value} problem={problem} />
      {lesson && (
        <>
          <label class="slider">
            {say.lesson}
            <select
              name="lesson"
              value={lesson.number}
              onChange={(event) => go({ lesson: Number(event.currentTarget.value) })}
            >
              {lessons.map((one) => (
                <option key={one.number} value={one.number}>{one.number}. {one.title}</option>
              ))}
            </select>
          </label>
          <article key={lesson.number} data-lesson={lesson.number}>
            <h3>{lesson.title}</h3>
            <p class="note">
              {say.run} <code>python -m pygpt learn {lesson.number}</code>
            </p>
            {lesson.parts.map((part, i) => <Part key={i} part={part} />)}
          </article>
          {lesson.number < lessons.length && (
            <button type="button" onClick={() => go({ lesson: lesson.number + 1 })}>
              {say.next(lessons[lesson.number]!.title)}
            </button>
          )}
        </>
      )}
    </div>
  );
}

function Part({ part }: { part: LessonPart }) {
  const say = TEXT.learn;
  switch (part.kind) {
    case "text":
      return <Markdown text={part.markdown} />;
    case "code":
      return <pre data-part="code">{part.session.trimEnd()}</pre>;
    case "prediction":
      return (
        <section class="task" data-part="prediction">
          <h4>{say.predict}</h4>
          <p><Inline text={part.question} /></p>
        </section>
      );
    case "change":
      return (
        <section class="task" data-part="change">
          <h4>{say.change}</h4>
          <Markdown text={part.task} />
          {part.hint && (
            <details>
              <summary>{say.hint}</summary>
              <p><Inline text={part.hint} /></p>
            </details>
          )}
          <details>
            <summary>{say.solution}</summary>
            <pre>{part.solution}</pre>
          </details>
        </section>
      );
  }
}
