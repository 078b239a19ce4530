import { expect, test } from 'vitest';
import { queueNames } from '../../src/core/job.ts';
import { postgresBackend } from '../../src/queue/backend.ts';
import { openBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { keepLog, openWeb, operator, viewer } from './web.ts';

test('a viewer logs in with a browser and sees every queue; the page breaks no rule of its policy', async (context) => {
  const browser = await openBrowser(context);
  const { url } = await createTestDatabase();
  const web = await openWeb(url, { config: { DASHBOARD_USERS: [viewer] } });
  try {
    const page = await browser.newPage({
      httpCredentials: { username: viewer.name, password: viewer.password },
    });
    const complaints: string[] = [];
    const elsewhere: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => void complaints.push(error.message));
    page.on(
      'response',
      (response) => void (response.url().startsWith(web.url) || elsewhere.push(response.url())),
    );

    await page.goto(`${web.url}/queues`);

    for (const name of queueNames) await page.getByText(name, { exact: true }).first().waitFor();
    await page.getByText('Evenfall').first().waitFor();
    await page.getByText('development').first().waitFor();
    // the web font is refused on purpose; the page has others
    expect(complaints.filter((text) => !text.includes('fonts.googleapis.com'))).toEqual([]);
    expect(elsewhere).toEqual([]);
  } finally {
    await browser.close();
  }
});

test('an operator who presses what is not done here reads on the page why, and nothing is gone', async (context) => {
  const browser = await openBrowser(context);
  const { url } = await createTestDatabase();
  const backend = postgresBackend(url, keepLog());
  const web = await openWeb(url, { backend, config: { DASHBOARD_USERS: [operator] } });
  const queue = backend.openQueue('stripe');
  await queue.add('cancel-subscription', { id: 1, dispatchNo: 1, payload: {} }, { jobId: 'j1-1' });
  const worker = backend.openWorker('stripe', 1, () => Promise.reject(new Error('refused')));
  await new Promise((resolve) => worker.once('failed', resolve));
  await worker.close();
  try {
    const page = await browser.newPage({
      httpCredentials: { username: operator.name, password: operator.password },
    });
    await page.goto(`${web.url}/queues/queue/stripe?status=failed`);

    await page.getByRole('button', { name: 'Clean all' }).click();
    await page.getByRole('button', { name: 'Confirm' }).click();

    await page.getByText('Postgres is the truth of every job').waitFor();
    expect(await queue.getFailedCount()).toBe(1);
  } finally {
    await browser.close();
    await queue.close();
    await web.stop();
    await backend.close();
  }
});
