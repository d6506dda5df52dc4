/** The version in package.json, which lies beside `src` as it lies beside `dist`. */
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

export const VERSION: string = version;
