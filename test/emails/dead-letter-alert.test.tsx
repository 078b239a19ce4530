import { expect, it } from 'vitest';
import { mail } from '../../emails/dead-letter-alert.tsx';
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

it('tells in both parts what died, why, since when, after how many attempts and what to do', async () => {
  const { subject, html, text } = await renderMail(mail, props);
  expect(subject).toBe(
    '[Evenfall] cancel-subscription for team 3021 gave up: stripe_refused (dead letter 17)',
  );
  for (const part of [seen(html), text]) {
    for (const fact of [
      'cancel-subscription',
      '48213',
      '3021',
      'stripe_refused',
      'Stripe refused for good to cancel the subscription.',
      'invalid_request_error',
      'resource_missing',
      '404',
      'req_8sKq2LmZ0aVtYw',
      'subscription:sub_1QpX2hLkdIwHu7ix',
      '14 Mar 2026, 09:26:53 UTC, after 6 attempts',
      'npx evenfall dead show 17',
      'npx evenfall dead replay 17',
      'dead-letter-17',
    ]) {
      expect(part).toContain(fact);
    }
  }
  for (const url of [props.error.url, props.boardUrl]) {
    expect(html).toContain(`href="${url}"`);
    expect(text).toContain(url);
  }
});

it('[P7] holds no e-mail address of any kind', async () => {
  const { subject, html, text } = await renderMail(mail, props);
  for (const part of [subject, html, text]) expect(part).not.toMatch(/[^\s"'<>]+@[\w-]+\.[\w.-]+|mailto:/);
});

it('leaves out what is not known', async () => {
  const { boardUrl: _none, ...rest } = props;
  const { subject, html, text } = await renderMail(mail, {
    ...rest,
    teamId: null,
    attempts: 1,
    error: { class: 'poison', message: 'The worker died 10 times while it ran this job.' },
  });
  expect(subject).toBe('[Evenfall] cancel-subscription gave up: poison (dead letter 17)');
  expect(text).toContain('after 1 attempt\n');
  expect(text).toMatch(/^Team +none$/m);
  expect(seen(html)).not.toMatch(/HTTP status|Request id|Stripe|happened to the team/);
  expect(text).not.toMatch(/HTTP status|Request id|Stripe|happened to the team|undefined/);
});

it('escapes whatever it is given', async () => {
  const { html } = await renderMail(mail, {
    ...props,
    error: { class: 'unexpected', message: '<script>alert(1)</script>' },
  });
  expect(html).not.toContain('<script>');
  expect(html).toContain('&lt;script&gt;');
});
