import { expect, test } from 'vitest';
import { keepToken } from '../../src/core/keep-token.ts';
import { appRows } from '../support/app.ts';
import { openBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { openWeb } from './web.ts';

const SECRET_KEY = 'the key that signs the links of these tests';

test('[P3] 4.6: with a phone, without scripts, the keep link is opened, its button pressed, and the team is kept', async (context) => {
  const browser = await openBrowser(context);
  const { url, sql } = await createTestDatabase();
  const rows = appRows(sql);
  // a name that would push a narrow page out of its window
  const name = 'Harbour'.repeat(20);
  const teamId = await rows.team(await rows.user(), { name, time_zone: 'Europe/Berlin' });
  const [mark] = await sql`
    insert into evenfall.team_deletion
      (team_id, state, marked_at, announced_delete_at, notice_sent_at, delete_after)
    values (${teamId}, 'noticed', '2026-10-01', '2099-03-14T08:26Z', '2026-10-01', '2099-03-14T08:26Z')
    returning id`;
  const web = await openWeb(url, { config: { SECRET_KEY } });
  try {
    const page = await browser.newPage({
      viewport: { width: 360, height: 740 },
      javaScriptEnabled: false,
      colorScheme: 'dark',
    });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('request', (request) => void requests.push(`${request.method()} ${request.url()}`));
    const link = `${web.url}/keep/${keepToken(SECRET_KEY, Number(mark!['id']))}`;

    await page.goto(link);
    await page.getByRole('heading', { name: 'Your team will be deleted, unless you keep it' }).waitFor();
    await page.getByText('Saturday, 14 March 2099').waitFor();
    const button = page.getByRole('button', { name: 'Keep my team' });
    const box = (await button.boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(360);
    // a finger's width
    expect(box.height).toBeGreaterThanOrEqual(44);
    await button.click();

    await page.getByRole('heading', { name: 'Your team is kept' }).waitFor();
    expect(await button.count()).toBe(0);
    await page.reload();
    await page.getByRole('heading', { name: 'Your team is kept' }).waitFor();
    // the style is let in by its hash, nothing else is asked for, and the reload posts nothing
    expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
    expect(requests.filter((request) => !request.endsWith('/favicon.ico'))).toEqual([
      `GET ${link}`,
      `POST ${link}`,
      `GET ${link}`,
      `GET ${link}`,
    ]);
    expect(await sql`select what, source from evenfall.history`).toEqual([
      { what: 'team.kept', source: 'keep-link' },
    ]);
  } finally {
    await browser.close();
  }
});
