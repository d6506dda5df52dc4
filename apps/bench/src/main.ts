#!/usr/bin/env node
/** The `immiscible-bench` command. */
import { run } from './run.ts';

process.exitCode = await run(process.argv.slice(2));
