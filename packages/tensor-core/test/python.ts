/** The Python that tests may ask, where there is one with what they need. */
import { execFileSync } from 'node:child_process';

const python = process.env['IMMISCIBLE_PYTHON'] ?? 'python3';

/** Why Python cannot import `modules` here; undefined where it can. */
export function lacking(...modules: string[]): string | undefined {
  try {
    execFileSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${python} has no ${modules.join(' and ')}; set IMMISCIBLE_PYTHON to one that has`;
  }
}

/** What the program prints; `file` is its first argument. */
export function runPython(code: string, file: string): string {
  return execFileSync(python, ['-c', code, file], { encoding: 'utf8' });
}
