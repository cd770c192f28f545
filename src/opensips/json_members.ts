/** Until protocol/ has them: the texts of the members of a JSON text, as they came. */

/** The members of a JSON object, in order, repeated names kept. */
export function membersOf(text: string): [name: string, value: string][] {
  return split(text, "{").map((member) => {
    const end = endOfString(member, 0);
    return [
      JSON.parse(member.slice(0, end)),
      member.slice(member.indexOf(":", end) + 1).trim(),
    ];
  });
}

/** The elements of a JSON array, in order. */
export function elementsOf(text: string): string[] {
  return split(text, "[");
}

/** The last member of this name. */
export function memberText(text: string, name: string): string | undefined {
  return membersOf(text).findLast(([n]) => n === name)?.[1];
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function split(text: string, open: string): string[] {
  text = text.trim();
  if (text[0] !== open) return [];
  const parts: string[] = [];
  let depth = 0, start = 1;
  for (let at = 0; at < text.length; at++) {
    const c = text[at]!;
    if (c === '"') at = endOfString(text, at) - 1;
    else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
    if (depth === 0 || depth === 1 && c === ",") {
      const part = text.slice(start, at).trim();
      if (part !== "") parts.push(part);
      start = at + 1;
    }
  }
  return parts;
}

/** One JSON text, which goes out as it is. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    JSON.parse(text);
    this.text = text.trim();
  }
  parse(): unknown {
    return JSON.parse(this.text);
  }
}
