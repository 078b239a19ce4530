/** `npm run build`: dist/ from nothing, so that no file of an earlier build is left in it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/package-root.ts';

rmSync(join(packageRoot, 'dist'), { recursive: true, force: true });
execFileSync('tsc', ['-p', join(packageRoot, 'tsconfig.build.json')], { stdio: 'inherit' });
chmodSync(join(packageRoot, 'dist', 'src', 'cli', 'main.js'), 0o755);
