import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { momentIn } from '../../emails/components/moment.ts';
import type { MarkToKeepRow } from '../../sql/queries.gen.ts';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 34rem; margin: 4rem auto; padding: 0 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin-bottom: 0; }
bdi { font-weight: 600; }
button { font: inherit; font-weight: 600; color: #ffffff; background: #2b3a67; border: 1px solid #2b3a67;
  border-radius: 8px; padding: 0.7rem 1.25rem; margin-top: 0.5rem; cursor: pointer; }
button:focus-visible { outline: 3px solid #7d92dd; outline-offset: 2px; }
@media (max-width: 30rem) { body { margin-top: 2rem; } button { width: 100%; } }
@media (prefers-color-scheme: dark) { button { color: #14182a; background: #b9c6f2; border-color: #b9c6f2; } }
`;

/** The one style of the page by its hash, and forms to where it came from; nothing else. */
export const policy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  `base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

type Html = ReturnType<typeof html>;

/** What a keep link has to say, and with which status. */
export interface KeepPage {
  readonly status: number;
  readonly title: string;
  readonly says: readonly Html[];
  /** Whether there is something to press. */
  readonly canKeep?: boolean;
}

/** What has become of a mark, for whoever has its link. Tells no more of the team than its name. */
export function keepPage(mark: MarkToKeepRow): KeepPage {
  if (mark.state === 'deleting' || mark.state === 'deleted') return tooLate;
  if (mark.state === 'cleared') return mark.wasKept ? kept(mark) : spared(mark);
  return mark.isLatest ? marked(mark) : outdated;
}

function marked(mark: MarkToKeepRow): KeepPage {
  return {
    status: 200,
    title: 'Your team will be deleted, unless you keep it',
    says: [
      mark.isDue
        ? html`${theTeam(mark)} and everything in it may be deleted at any moment: it has never subscribed,
          and the date of the notice, ${minute(mark, mark.deleteAfter)}, has passed.`
        : html`${theTeam(mark)} has never subscribed. We will delete it and everything in it after
          ${minute(mark, mark.deleteAfter)}, and not before.`,
      html`Press the button, and it stays at least until ${minute(mark, mark.keepsUntil)}. You pay nothing and
      need not log in.`,
    ],
    canKeep: true,
  };
}

function kept(mark: MarkToKeepRow): KeepPage {
  const { keptUntil } = mark;
  return {
    status: 200,
    title: keptUntil === null ? 'Nothing is going to be deleted' : 'Your team is kept',
    says: [
      keptUntil === null
        ? html`${theTeam(mark)} was kept with this link, and that time is over.`
        : html`${theTeam(mark)} stays, with everything in it, at least until ${minute(mark, keptUntil)}.`,
      html`If it is ever to be deleted after that, you get another notice first.`,
    ],
  };
}

function spared(mark: MarkToKeepRow): KeepPage {
  return {
    status: 200,
    title: 'Nothing is going to be deleted',
    says: [
      html`${theTeam(mark)} stays, with everything in it: the notice that you got no longer holds. There is
      nothing to do.`,
    ],
  };
}

const outdated: KeepPage = {
  status: 200,
  title: 'There is a newer notice',
  says: [html`This link is of an earlier notice. To keep your team, use the link in the latest one.`],
};

const tooLate: KeepPage = {
  status: 410,
  title: 'It is too late',
  says: [html`The team has been deleted, and cannot be brought back. We are sorry.`],
};

/** For a link that we have not made, or whose mark is not here. */
export const noSuchLink: KeepPage = {
  status: 404,
  title: 'This link leads nowhere',
  says: [html`Perhaps it was cut off. Copy the whole link from the mail, or answer the mail.`],
};

/** When it cannot be told what would be shown or done. */
export const notNow = (status: number): KeepPage => ({
  status,
  title: 'That did not work',
  says: [html`Please try again in a minute. If it still does not work, answer the mail that you got.`],
});

/** Text of the app's stands by itself, whatever its direction. */
function theTeam({ teamName }: MarkToKeepRow): Html {
  return teamName === null ? html`Your team` : html`The team <bdi>${teamName}</bdi>`;
}

function minute({ timeZone }: MarkToKeepRow, at: Date): string {
  const { day, time, zone } = momentIn(at, timeZone ?? 'UTC');
  return `${day} at ${time} (${zone})`;
}

/** The page in HTML. Its form goes to the page's own address, under whatever path a proxy serves it. */
export function render({ title, says, canKeep }: KeepPage): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        ${raw(`<style>${style}</style>`)}
      </head>
      <body>
        <h1>${title}</h1>
        ${says.map((paragraph) => html`<p>${paragraph}</p>`)}
        ${canKeep ? html`<form method="post"><button>Keep my team</button></form>` : ''}
      </body>
    </html>`;
}
