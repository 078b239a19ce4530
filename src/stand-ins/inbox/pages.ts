import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Message } from './store.ts';
import { style } from './style.ts';

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const previewLength = 160;
// In one piece, for the security policy holds the hash of exactly this text.
const styleElement = raw(`<style>${style}</style>`);

function page(title: string, head: Html | string, body: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${head}
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}

/** The list of mails, newest first. It loads itself again every few seconds. */
export function listPage(messages: readonly Message[], smtpUrl: string): Html {
  const rows = messages.map(
    (message) =>
      html`<li>
        <a href="/messages/${message.id}">
          <span class="who">
            <span class="to">${message.to.join(', ') || message.envelope.to.join(', ')}</span>
            <span class="from">from ${message.from || message.envelope.from || 'nobody'}</span>
          </span>
          <span class="what">
            <span class="subject">${message.subject || '(no subject)'}</span>
            <span class="preview">${preview(message)}</span>
          </span>
          ${time(message.receivedAt)}
        </a>
      </li>`,
  );
  return page(
    `Inbox (${messages.length})`,
    html`<meta http-equiv="refresh" content="5" />`,
    html`<header>
        <h1>Inbox <span class="count">${messages.length}</span></h1>
        <p>Every mail sent to <code>${smtpUrl}</code> stops here.</p>
      </header>
      <main>
        ${
          rows.length === 0
            ? html`<p class="empty">No mail yet. This page looks again every five seconds.</p>`
            : html`<ol class="mails">
                ${rows}
              </ol>`
        }
      </main>`,
  );
}

/** One mail: the HTML in a frame without scripts, the plain text, the headers. */
export function messagePage(message: Message): Html {
  return page(
    message.subject || '(no subject)',
    '',
    html`<header>
        <nav><a href="/">&larr; Inbox</a></nav>
        <h1>${message.subject || '(no subject)'}</h1>
        <dl class="facts">
          <dt>From</dt>
          <dd>${message.from || message.envelope.from}</dd>
          <dt>To</dt>
          <dd>${message.to.join(', ') || message.envelope.to.join(', ')}</dd>
          <dt>Received</dt>
          <dd>${time(message.receivedAt)}</dd>
        </dl>
      </header>
      <main>
        ${message.html && htmlPart(message.html)}
        ${
          message.text &&
          html`<section>
            <h2>Plain text</h2>
            <pre>${message.text}</pre>
          </section>`
        }
        ${message.attachments.length > 0 && attachments(message)}
        <section>
          <details>
            <summary>Headers <span class="count">${message.headers.length}</span></summary>
            <dl class="headers">
              ${message.headers.map(
                ({ name, value }) =>
                  html`<dt>${name}</dt>
                    <dd>${value}</dd>`,
              )}
            </dl>
          </details>
        </section>
      </main>`,
  );
}

/** What is shown for an address that leads nowhere. */
export function missingPage(): Html {
  return page(
    'Not here',
    '',
    html`<header>
        <nav><a href="/">&larr; Inbox</a></nav>
        <h1>Not here</h1>
      </header>
      <main><p class="empty">There is no such message. It may have been cleared away.</p></main>`,
  );
}

function htmlPart(source: string): Html {
  // Without scripts and without our origin; its links open beside this page, as ordinary pages.
  return html`<section>
    <h2>HTML</h2>
    <iframe
      title="The mail as its reader sees it"
      sandbox="allow-popups allow-popups-to-escape-sandbox"
      srcdoc="${withLinksOutside(source)}"
    ></iframe>
  </section>`;
}

function withLinksOutside(source: string): string {
  const base = '<base target="_blank" />';
  const head = /<head\b[^>]*>/i.exec(source);
  if (!head) return base + source;
  const end = head.index + head[0].length;
  return source.slice(0, end) + base + source.slice(end);
}

function attachments(message: Message): Html {
  return html`<section>
    <h2>Attachments</h2>
    <ul class="attachments">
      ${message.attachments.map(({ name, type, bytes }) => html`<li>${name} <span>${type}, ${bytes} bytes</span></li>`)}
    </ul>
  </section>`;
}

function preview(message: Message): string {
  return message.text.replaceAll(/\s+/g, ' ').trim().slice(0, previewLength);
}

function time(moment: Date): Html {
  const iso = moment.toISOString();
  return html`<time datetime="${iso}"
    ><span>${iso.slice(0, 10)}</span> ${iso.slice(11, 19)}
    <abbr title="Coordinated Universal Time">UTC</abbr></time
  >`;
}
