/** The part of Markdown that lessons have: paragraphs, lists, code, words in bold and italics, links. */

import type { ComponentChildren } from "preact";

const FENCE = /^```\w*\n([\s\S]*?)^```$/gm;
const INLINE = /`([^`]+)`|\*\*(.+?)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\((https:[^)\s]+)\)/g;

export function Markdown({ text }: { text: string }) {
  const found: ComponentChildren[] = [];
  let end = 0;
  for (const fence of text.matchAll(FENCE)) {
    found.push(...blocks(text.slice(end, fence.index)), <pre>{fence[1]}</pre>);
    end = fence.index + fence[0].length;
  }
  return <>{found.concat(blocks(text.slice(end)))}</>;
}

function blocks(text: string): ComponentChildren[] {
  const said = text.split(/\n{2,}/).filter((block) => block.trim());
  return said.map((block) => {
    const [before, ...items] = `\n${block.trim()}`.split("\n- ");
    return (
      <>
        {before!.trim() && <p><Inline text={before!} /></p>}
        {items.length > 0 && <ul>{items.map((item) => <li><Inline text={item} /></li>)}</ul>}
      </>
    );
  });
}

/** Text within a line. */
export function Inline({ text }: { text: string }) {
  const found: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, code, bold, italic, name, address] = match;
    found.push(text.slice(end, match.index));
    if (code) found.push(<code>{code}</code>);
    else if (bold) found.push(<strong><Inline text={bold} /></strong>);
    else if (italic) found.push(<em>{italic}</em>);
    else found.push(<a href={address} target="_blank" rel="noreferrer">{name}</a>);
    end = match.index + all.length;
  }
  return <>{found.concat(text.slice(end))}</>;
}
