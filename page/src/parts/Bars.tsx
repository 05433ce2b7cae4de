/** Probabilities of tokens as bars, one or two for each. */

import { percent, visible } from "../format";

interface Props {
  id: string;
  caption: string;
  names: string[];
  columns: { title: string; values: number[] }[];
  emphasis?: number | undefined; // index of the row that is chosen
}

export function Bars({ id, caption, names, columns, emphasis }: Props) {
  const largest = Math.max(1e-12, ...columns.flatMap((column) => column.values));
  return (
    <table class="bars" data-bars={id}>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">token</th>
          {columns.map((column) => (
            <th scope="col" key={column.title}>{column.title}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {names.map((name, row) => (
          <tr key={row} class={row === emphasis ? "chosen" : ""}>
            <th scope="row"><code>{visible(name)}</code></th>
            {columns.map((column, i) => {
              const value = column.values[row] ?? 0;
              return (
                <td key={column.title} data-value={value}>
                  <span class={`bar bar-${i}`} style={{ width: `${(70 * value) / largest}%` }} />
                  <span class="number">{percent(value)}</span>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
