/** The package in a browser: what a bundler makes of it, and that it runs where there is no Node. */
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build, type BuildResult } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDawn } from '../src/targets/webgpu/dawn.ts';
import { softwareGpu } from './webgpu.ts';

const software = await softwareGpu();

/** What the library needs of a page beside the language itself. */
const PAGE = { TextDecoder, TextEncoder, performance, setTimeout, clearTimeout, navigator: {} };

async function bundle(): Promise<BuildResult<{ write: false; metafile: true }>> {
  return build({
    entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'tc',
    conditions: ['@immiscible/source'],
    logLevel: 'silent',
    metafile: true,
    write: false,
  });
}

describe('a bundle for browsers, made without any setting of its own', () => {
  let result: Awaited<ReturnType<typeof bundle>>;
  beforeAll(async () => {
    result = await bundle();
  });

  it('is made without a complaint', () => {
    expect(result.errors).toEqual([]);
    expect(result.warnings).toEqual([]);
  });

  it("holds nothing of Node's, and no native module", () => {
    const inputs = Object.keys(result.metafile.inputs).filter((file) => !file.startsWith('(disabled):'));
    expect(inputs.some((file) => file.endsWith('src/device.ts'))).toBe(true);
    expect(
      inputs.filter((file) => /^node:|\.node$|node_modules\/(onnxruntime-node|webgpu)\//.test(file)),
    ).toEqual([]);
    expect(Object.values(result.metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
  });

  /** The value of an expression on a page that has loaded the bundle as `tc`. */
  const onPage = (expression: string, page: object = PAGE): Promise<unknown> =>
    runInContext(
      `${result.outputFiles[0]!.text}; ${expression}`,
      createContext({ ...page }),
    ) as Promise<unknown>;

  it('opens no device where the browser has no WebGPU, and says so', async () => {
    const open = (name: string): Promise<unknown> =>
      onPage(`tc.openDevice(${JSON.stringify(name)}).then(() => 'opened', String)`);
    expect(await open('webgpu')).toMatch(
      /DeviceError: .*no hardware WebGPU adapter; WebGPU finds none at all/,
    );
    expect(await open('auto')).toMatch(/DeviceError: .*no hardware WebGPU adapter/);
    expect(await open('cpu')).toMatch(/DeviceError: .*"cpu" is ONNX Runtime, which wants Node/);
  });

  it.skipIf(!software.available)(`trains where it has${software.reason}`, async () => {
    const page = { ...PAGE, navigator: { gpu: await openDawn() } };
    const losses = await onPage(
      `(async () => {
        const device = await tc.openDevice('webgpu:software');
        const lossOf = (w) => w.sub(3).square().mean();
        const step = device.compile(({ w }) => {
          const { value, gradients } = tc.valueAndGrad(lossOf)(w);
          return { loss: value, w: w.sub(gradients.mul(0.25)) };
        });
        let w = tc.tensor([1]);
        const losses = [];
        for (let k = 0; k < 3; k++) {
          const result = await step({ w });
          w = result.w;
          losses.push(await result.loss.item());
        }
        await device.dispose();
        return losses.join();
      })()`,
      page,
    );
    expect(losses).toBe('4,1,0.25');
  });
});
