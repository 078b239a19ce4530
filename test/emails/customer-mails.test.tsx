import { describe, expect, it } from 'vitest';
import { daysUntil, momentIn } from '../../emails/components/moment.ts';
import { cardText, priceText } from '../../emails/components/money.ts';
import { mail as accountDeactivated } from '../../emails/account-deactivated.tsx';
import { mail as deletionNotice } from '../../emails/deletion-notice.tsx';
import { mail as deletionReminder } from '../../emails/deletion-reminder.tsx';
import { mail as expiringCard } from '../../emails/expiring-card.tsx';
import { mails } from '../../emails/index.ts';
import { mail as trialEnding } from '../../emails/trial-ending.tsx';
import { renderMail } from '../../src/mail/render.ts';

describe('the trial-ending mail', () => {
  const { previewProps } = trialEnding;

  it('leaves out what is not known, and promises no amount', async () => {
    const { html, text } = await renderMail(trialEnding, {
      ...previewProps,
      app: { name: 'Acme Boards' },
      teamName: null,
      price: null,
      card: null,
    });
    for (const part of [html, text]) expect(part).not.toMatch(/€|Price|Charged to|Harbour|null|undefined/);
    expect(text).toContain('and we charge you for the first time');
  });

  it.for([
    ['2026-03-26T18:10:00Z', 'in 3 days'],
    ['2026-03-27T22:30:00Z', 'in 2 days'],
    // past midnight in Berlin, not yet in UTC
    ['2026-03-27T23:30:00Z', 'tomorrow'],
    ['2026-03-29T05:00:00Z', 'today'],
  ])('counts days in the calendar of the reader: %s', ([now, says]) => {
    const text = trialEnding.text({ ...previewProps, now: new Date(now!) });
    expect(text.split('\n')[0]).toBe(`Your trial ends ${says}.`);
  });
});

it('the expiring-card mail does without team, brand and next charge', async () => {
  const { html, text } = await renderMail(expiringCard, {
    ...expiringCard.previewProps,
    app: { name: 'Acme Boards' },
    teamName: null,
    card: { brand: 'a-new-one', last4: null },
    nextCharge: null,
  });
  for (const part of [html, text])
    expect(part).not.toMatch(/Next charge|Amount|Harbour|a-new-one|null|undefined/);
  expect(text).toContain('Your card pays for your subscription');
});

describe('the deletion notice', () => {
  const { previewProps } = deletionNotice;

  it('[P3] says in both parts which team, since when, what goes, not before when, and how to keep it', async () => {
    const { subject, html, text } = await renderMail(deletionNotice, previewProps);
    expect(subject).toBe('Your Acme Boards team will be deleted after 14 March');
    for (const part of [html.replace(/<!--.*?-->/gs, '').replaceAll('&#x27;', "'"), text]) {
      for (const fact of [
        'Your team Harbour Design has never subscribed to Acme Boards.',
        'Tuesday, 2 September 2025 (Europe/Berlin time)',
        'delete it and everything in it after Saturday, 14 March 2026 at 09:26 (Europe/Berlin time), and not before.',
        'You pay nothing and need not log in.',
        'Once it has subscribed, it is never deleted in this way.',
        'Keep my team',
      ]) {
        expect(part).toContain(fact);
      }
    }
    expect(html).toContain(`href="${previewProps.keepUrl}"`);
    expect(text).toContain(previewProps.keepUrl);
  });

  it("prints the date in the team's zone, and rounds no minute up", () => {
    const deleteAfter = new Date('2026-03-14T23:59:59.999Z');
    const says = (timeZone: string) => deletionNotice.text({ ...previewProps, timeZone, deleteAfter });
    expect(says('UTC')).toContain('after Saturday, 14 March 2026 at 23:59 (UTC)');
    expect(says('Asia/Tokyo')).toContain('after Sunday, 15 March 2026 at 08:59 (Asia/Tokyo time)');
  });

  it('without a link says to subscribe or to answer', async () => {
    const { html, text } = await renderMail(deletionNotice, {
      ...previewProps,
      teamName: null,
      keepUrl: null,
    });
    for (const part of [html, text]) {
      expect(part).not.toMatch(/the page below|Keep my team|href|Harbour|null|undefined/);
      expect(part).toContain('Subscribe, or answer this mail and we keep it for you.');
    }
  });
});

describe('the reminder of a deletion', () => {
  const { previewProps } = deletionReminder;

  it('[P3] says that it comes a second time, in how many days, and all that the notice says', async () => {
    const { subject, html, text } = await renderMail(deletionReminder, previewProps);
    expect(subject).toBe('Reminder: your Acme Boards team will be deleted after 14 March');
    for (const part of [html.replace(/<!--.*?-->/gs, '').replaceAll('&#x27;', "'"), text]) {
      for (const fact of [
        'Your team will be deleted in 2 days, unless you keep it',
        'We have written about this before. Your team Harbour Design has still not subscribed to Acme Boards',
        'delete it and everything in it after Saturday, 14 March 2026 at 09:26 (Europe/Berlin time), and not before.',
        'You pay nothing and need not log in.',
        'Keep my team',
      ]) {
        expect(part).toContain(fact);
      }
    }
    expect(text).toContain(previewProps.keepUrl);
  });

  it.for([
    ['2026-03-13T09:00:00Z', 'tomorrow'],
    // past midnight in Berlin, not yet in UTC
    ['2026-03-13T23:30:00Z', 'today'],
  ])('counts days in the calendar of the team: %s', ([now, says]) => {
    const text = deletionReminder.text({ ...previewProps, now: new Date(now!) });
    expect(text.split('\n')[0]).toBe(`Your team will be deleted ${says}, unless you keep it.`);
  });

  it('without a name and a link says to subscribe or to answer', async () => {
    const props = { ...previewProps, teamName: null, keepUrl: null };
    const { html, text } = await renderMail(deletionReminder, props);
    for (const part of [html, text]) {
      expect(part).not.toMatch(/the page below|Keep my team|href|Harbour|null|undefined/);
      expect(part).toContain('Subscribe, or answer this mail and we keep it for you.');
    }
  });
});

it.for([
  [0, 'You will not be charged in the future.'],
  [1, 'Your subscription was cancelled, and you will not be charged again.'],
  [2, 'Your 2 subscriptions were cancelled, and you will not be charged again.'],
] as const)('0.6: the goodbye mail after %i cancellations', async ([cancelled, says]) => {
  const { html, text } = await renderMail(accountDeactivated, {
    ...accountDeactivated.previewProps,
    cancelled,
  });
  for (const part of [html, text]) {
    expect(part).toContain(says);
    expect(part).toContain('Answer this mail or contact our support');
    if (cancelled === 0) expect(part).not.toContain('subscription');
  }
});

it('escapes whatever the app calls its teams', async () => {
  const teamName = '<script>alert(1)</script>';
  for (const rendering of [
    renderMail(mails['trial-ending'], { ...trialEnding.previewProps, teamName }),
    renderMail(mails['expiring-card'], { ...expiringCard.previewProps, teamName }),
    renderMail(mails['deletion-notice'], { ...deletionNotice.previewProps, teamName }),
    renderMail(mails['deletion-reminder'], { ...deletionReminder.previewProps, teamName }),
  ]) {
    expect((await rendering).html).not.toContain('<script>');
  }
});

it.for([
  [2900, 'eur', '€29.00'],
  [2900, 'USD', '$29.00'],
  [2900, 'jpy', '¥2,900'],
  [29000, 'kwd', 'KWD 29.000'],
  [2900, 'isk', 'ISK 29.00'],
  [2900, 'mga', 'MGA 2,900'],
  [0, 'gbp', '£0.00'],
] as const)('%i of %s is %s', ([amount, currency, says]) => {
  expect(priceText({ amount, currency }).replaceAll('\u00A0', ' ')).toBe(says);
});

it('names cards as people do', () => {
  expect(cardText({ brand: 'amex', last4: '0005' })).toBe('American Express ending in 0005');
  expect(cardText({ brand: null, last4: '4242' })).toBe('card ending in 4242');
});

it('names the zone, and a zone that does not exist is UTC', () => {
  const at = new Date('2028-02-29T23:30:00Z');
  expect(momentIn(at, 'Asia/Tokyo')).toEqual({
    day: 'Wednesday, 1 March 2028',
    shortDay: '1 March',
    time: '08:30',
    zone: 'Asia/Tokyo time',
  });
  expect(momentIn(at, 'nowhere')).toMatchObject({ day: 'Tuesday, 29 February 2028', zone: 'UTC' });
  expect(momentIn(at, '')).toMatchObject({ zone: 'UTC' });
});

it('counts midnights, not hours, across the change of clocks', () => {
  const days = (from: string, to: string) => daysUntil(new Date(to), new Date(from), 'Europe/Berlin');
  expect(days('2026-03-28T12:00:00Z', '2026-03-29T11:00:00Z')).toBe('tomorrow');
  expect(days('2026-10-24T21:59:00Z', '2026-10-25T23:01:00Z')).toBe('in 2 days');
  expect(days('2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z')).toBe('today');
});
