import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mails } from '../../emails/index.ts';
import type { Mail } from '../../emails/mail.ts';
import { renderMail } from '../../src/mail/render.ts';

const folder = new URL('../../emails/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.tsx'));
const voidElements = new Set(['meta', 'img', 'br', 'hr', 'link']);

/** Elements left open or closed out of order; comments, styles and the doctype aside. */
function unbalanced(html: string): string[] {
  const open: string[] = [];
  const bare = html.replace(/<!--.*?-->|<!DOCTYPE[^>]*>|<style>.*?<\/style>/gs, '');
  for (const [, slash, name = ''] of bare.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:\s[^<>]*)?>/g)) {
    if (voidElements.has(name)) continue;
    if (!slash) open.push(name);
    else if (open.pop() !== name) return [...open, `/${name}`];
  }
  return open;
}

it('finds the mails', () => {
  expect(files).toEqual(
    expect.arrayContaining(['dead-letter-alert.tsx', ...Object.keys(mails).map((name) => `${name}.tsx`)]),
  );
});

describe.each(files)('%s', async (file) => {
  const module = (await import(new URL(file, folder).href)) as { default: unknown; mail: Mail<object> };
  const { mail } = module;
  const { subject, html, text } = await renderMail(mail, mail.previewProps);

  it('has a body as its default export, the same as in its definition', () => {
    expect(module.default).toBe(mail.Body);
  });

  it('has a subject of one line', () => {
    expect(subject).toMatch(/^\S.{5,118}\S$/);
  });

  it('has a text part of its own, without any HTML', () => {
    expect(text.length).toBeGreaterThan(100);
    expect(text).not.toMatch(/<\/?[a-z]+[^>]*>|undefined|null|\[object/);
    expect(text.split('\n').every((line) => line.trimEnd().length <= 200)).toBe(true);
  });

  it('is well-formed HTML in a named language, with a title and a viewport', () => {
    expect(unbalanced(html)).toEqual([]);
    expect(html).toMatch(/<html[^>]* lang="en"/);
    expect(html).toMatch(/<title>[^<]+<\/title>/);
    expect(html).toContain('name="viewport"');
    expect(html).not.toMatch(/>(undefined|null|NaN|\[object Object\])</);
  });

  it('has a preheader before anything that is seen', () => {
    const body = html.slice(html.indexOf('<body'));
    const preheader = /<div style="display:none[^>]*>([^<]+)/.exec(body);
    expect(preheader?.[1]?.trim().length).toBeGreaterThan(20);
    expect(body.indexOf(preheader?.[0] ?? '?')).toBeLessThan(body.indexOf('<h1'));
  });

  it('has a dark and a narrow look', () => {
    expect(html).toContain('prefers-color-scheme: dark');
    expect(html).toContain('max-width: 480px');
  });

  it('loads nothing from anywhere: no images, fonts, scripts or trackers', () => {
    expect(html).not.toMatch(/<(img|script|iframe|link)\b|@import|url\(/);
  });
});
