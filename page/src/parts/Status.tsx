/** What a view shows while it waits, or where there is nothing. */

import { TEXT } from "../strings";

export function Status({ busy, problem }: { busy: boolean; problem: string | null }) {
  if (problem) return <p class="problem" role="alert">{problem}</p>;
  return <p class="status" role="status">{busy ? TEXT.computing : ""}</p>;
}
