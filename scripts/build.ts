/** `npm run build`: dist/ from nothing, so that no file of an earlier build is left in it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { explain } from '../src/cli/exit.ts';
import { packageRoot } from '../src/package-root.ts';

const dist = join(packageRoot, 'dist');
try {
  rmSync(dist, { recursive: true, force: true });
  // here, for tsc says of each file that it may not be written
  mkdirSync(dist);
  const { status, error } = spawnSync('tsc', ['-p', join(packageRoot, 'tsconfig.build.json')], {
    stdio: 'inherit',
  });
  if (error) throw error;
  if (status === 0) chmodSync(join(dist, 'src', 'cli', 'main.js'), 0o755);
  // it has said what is wrong
  else process.exitCode = 1;
} catch (error) {
  process.exitCode = explain(error, console.error);
}
