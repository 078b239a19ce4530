import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import type { TestContext } from 'vitest';

const executablePath = '/usr/bin/chromium';

/** A browser without a window; the test is skipped aloud where there is none. */
export async function openBrowser(context: TestContext): Promise<Browser> {
  context.skip(!existsSync(executablePath), `no browser for the tests: ${executablePath} is not there`);
  return await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
