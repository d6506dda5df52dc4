/**
 * Where the unpacked lavapipe lies, and the environment in which Dawn finds it.
 *
 * It is added to the system's drivers, never put in their place, so tests see a real GPU too. Programs must have this
 * environment when they start (the loader of libraries reads it once), so Vitest hands it to the processes that it forks.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { root } from './workspace.mjs';

/** Absolute; not in node_modules, which is made anew more often than this. */
export const lavapipeFolder = path.join(root, '.cache/lavapipe');

const STAMP = path.join(lavapipeFolder, 'complete');

/** Paths inside the folder. */
export const PARTS = {
  stamp: STAMP,
  system: path.join(lavapipeFolder, 'root'),
  libraries: ['usr/lib', 'lib'].map((folder) =>
    path.join(lavapipeFolder, 'root', folder, 'x86_64-linux-gnu'),
  ),
  icd: path.join(lavapipeFolder, 'lavapipe.json'),
  runtime: path.join(lavapipeFolder, 'runtime'),
};

/** Whether the person keeps to the adapters of the system: IMMISCIBLE_WEBGPU=system. */
export function keepsToSystem(env = process.env) {
  return env.IMMISCIBLE_WEBGPU === 'system';
}

/** Whether what `digest` stands for is unpacked; without one, whether anything is. */
export function isUnpacked(digest) {
  if (!existsSync(STAMP)) return false;
  return digest === undefined || readFileSync(STAMP, 'utf8') === digest;
}

/** Variables that let Dawn find the unpacked lavapipe; none where there is none, or the person keeps to the system's. */
export function lavapipeEnvironment(env = process.env) {
  if (keepsToSystem(env) || !isUnpacked()) return {};
  return {
    VK_ADD_DRIVER_FILES: joined([PARTS.icd], env.VK_ADD_DRIVER_FILES),
    LD_LIBRARY_PATH: joined(PARTS.libraries, env.LD_LIBRARY_PATH),
    XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR || PARTS.runtime, // Mesa wants one, and puts nothing there
  };
}

function joined(ours, others) {
  const rest = (others ?? '').split(':').filter((one) => one !== '' && !ours.includes(one));
  return [...ours, ...rest].join(':');
}
