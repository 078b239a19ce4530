/** What a form or a query holds: texts, and brackets as nested records (a list has whole numbers as keys). */
export type Raw = string | RawRecord;
export interface RawRecord {
  [key: string]: Raw;
}

/**
 * Decodes `a[b][0][c]=x&d[]=y`. Query and body are one to Stripe: stripe-node sends the parameters of a
 * DELETE in the query, the published specification declares them as a body, and Stripe takes both.
 */
export function decodeForm(...sources: string[]): RawRecord {
  const root: RawRecord = record();
  for (const source of sources) {
    for (const [name, value] of new URLSearchParams(source)) place(root, pathOf(name), value);
  }
  return root;
}

/** The same with lists as arrays, for people who read the request log. */
export function readable(raw: Raw): unknown {
  if (typeof raw === 'string') return raw;
  if (isRawList(raw)) return Object.values(raw).map(readable);
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, readable(value)]));
}

export function isRawList(raw: RawRecord): boolean {
  const keys = Object.keys(raw);
  return keys.length > 0 && keys.every((key) => /^\d+$/.test(key));
}

function pathOf(name: string): string[] {
  const bracket = name.indexOf('[');
  if (bracket < 1) return [name];
  const inner = [...name.slice(bracket).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? '');
  return [name.slice(0, bracket), ...inner];
}

function place(target: RawRecord, path: string[], value: string): void {
  let here = target;
  for (const [depth, step] of path.entries()) {
    const key = step === '' ? String(Object.keys(here).length) : step;
    if (depth === path.length - 1) {
      here[key] = value;
      return;
    }
    const next = here[key];
    here = here[key] = typeof next === 'object' ? next : record();
  }
}

/** Without a prototype, so that a parameter named `__proto__` is only a parameter. */
function record(): RawRecord {
  return Object.create(null) as RawRecord;
}
