/**
 * Lets a software adapter compute while its results are waited for.
 *
 * While a promise of Dawn's is pending, its binding for Node asks again in every turn of the event loop, through the
 * global `setImmediate`. That keeps a core busy, which costs nothing beside a GPU and half of the machine where the GPU
 * is played by the CPU. So while a software adapter is open Dawn's questions, and only they, wait a millisecond each.
 */

let holders = 0;
let original: typeof setImmediate | undefined;
let patient: typeof setImmediate | undefined;

/** Begins waiting; the function that is given back ends it, once. */
export function beginPatience(): () => void {
  if (typeof setImmediate !== 'function') return () => undefined;
  if (holders++ === 0) install();
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (--holders === 0) restore();
  };
}

function install(): void {
  if (patient && globalThis.setImmediate === patient) return;
  const immediate = globalThis.setImmediate;
  const wrapper = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown =>
    holders > 0 && args.length === 0 && isDawns(callback)
      ? setTimeout(callback, 1)
      : immediate(callback, ...args);
  original = immediate;
  patient = Object.assign(wrapper, immediate);
  globalThis.setImmediate = patient;
}

/** Somebody else may have put a wrapper around ours meanwhile: ours then stays, and passes everything on. */
function restore(): void {
  if (patient && original && globalThis.setImmediate === patient) {
    globalThis.setImmediate = original;
    patient = undefined;
  }
}

/**
 * Dawn passes a function that its binding made in C++: native, without a name, without parameters. The resolve function
 * of a promise is native and nameless too, but takes one; bound functions have a name.
 */
function isDawns(callback: unknown): boolean {
  return (
    typeof callback === 'function' &&
    callback.name === '' &&
    callback.length === 0 &&
    Function.prototype.toString.call(callback).endsWith('{ [native code] }')
  );
}
