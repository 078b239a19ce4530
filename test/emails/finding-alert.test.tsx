import { expect, it } from 'vitest';
import { mail } from '../../emails/finding-alert.tsx';
import { findingKinds } from '../../src/core/finding.ts';
import { renderMail } from '../../src/mail/render.ts';

const props = mail.previewProps;

/** What a reader sees of the HTML. */
function seen(html: string): string {
  return html
    .slice(html.indexOf('<body'))
    .replace(/<!--.*?-->/gs, '')
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&#x27;', "'")
    .replace(/\s+/g, ' ');
}

it('tells in both parts what was found, about whom, when and what to do', async () => {
  const { subject, html, text } = await renderMail(mail, props);
  expect(subject).toBe('[Evenfall] Please look: stripe-veto, team:3021 (finding 17)');
  for (const part of [seen(html), text]) {
    for (const fact of [
      findingKinds['stripe-veto'],
      props.message,
      'stripe-veto',
      'team:3021',
      '14 Mar 2026, 09:26:53 UTC',
      'npx evenfall timeline team:3021',
      'npx evenfall findings ack 17 --why TEXT',
      'finding-17',
    ]) {
      expect(part).toContain(fact);
    }
    expect(part).not.toContain('fuse');
  }
});

it.each(Object.entries(findingKinds))('has a headline for %s', async (kind, headline) => {
  const { html, text } = await renderMail(mail, { ...props, kind });
  expect(seen(html)).toContain(headline);
  expect(text.split('\n')[0]).toBe(headline);
});

it('names a kind that this version does not know', async () => {
  const { text } = await renderMail(mail, { ...props, kind: 'of-tomorrow' });
  expect(text.split('\n')[0]).toBe('of-tomorrow');
});

it('of a blown fuse says how to look at it and how to release it, and nothing of a team', async () => {
  const { html, text } = await renderMail(mail, {
    ...props,
    kind: 'fuse-blown',
    subject: 'fuse:delete-inactive-team',
    teamId: null,
    commands: {
      ...props.commands,
      timeline: null,
      fuseStatus: 'npx evenfall fuse status',
      fuseRelease: 'npx evenfall fuse release delete-inactive-team --acts N --why TEXT',
      fuseSpread: 'npx evenfall fuse release delete-inactive-team --spread --why TEXT',
    },
  });
  for (const part of [seen(html), text]) {
    expect(part).toContain('npx evenfall fuse status');
    expect(part).toContain('npx evenfall fuse release delete-inactive-team --acts N --why TEXT');
    expect(part).toContain('npx evenfall fuse release delete-inactive-team --spread --why TEXT');
    expect(part).not.toMatch(/timeline|undefined|null/);
  }
  expect(text).toMatch(/^Team +none$/m);
});

it('[P7] holds no e-mail address of any kind', async () => {
  const { subject, html, text } = await renderMail(mail, props);
  for (const part of [subject, html, text]) expect(part).not.toMatch(/[^\s"'<>]+@[\w-]+\.[\w.-]+|mailto:/);
});

it('escapes whatever it is given', async () => {
  const { html } = await renderMail(mail, { ...props, message: '<script>alert(1)</script>' });
  expect(html).not.toContain('<script>');
  expect(html).toContain('&lt;script&gt;');
});
