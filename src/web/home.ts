import { createHash } from 'node:crypto';
import { Hono } from 'hono';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 4rem auto; padding: 0 1.5rem; }
h1 { margin-bottom: 0; }
dt { margin-top: 1rem; font-weight: 600; }
dd { margin: 0; }
`;

const links = [
  ['/queues', 'Queues', 'Bull Board: what runs, waits and failed. Asks for a dashboard user.'],
  ['/openapi.json', 'API', 'How to enqueue jobs over HTTP, as OpenAPI.'],
  ['/readyz', 'Health', 'Whether this process can work, and what it misses.'],
] as const;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Evenfall</title>
<style>${style}</style>
</head>
<body>
<h1>Evenfall</h1>
<p>Runs the endings: trials, subscriptions, cards, sleeping teams.</p>
<dl>
${links.map(([href, name, about]) => `<dt><a href="${href}">${name}</a></dt><dd>${about}</dd>`).join('\n')}
</dl>
</body>
</html>
`;

// the one style of the page by its hash, and nothing else
const policy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** `/`: where everything is. */
export function homePage(): Hono {
  const routes = new Hono();
  routes.get('/', (c) => c.html(page, 200, { 'Content-Security-Policy': policy }));
  return routes;
}
