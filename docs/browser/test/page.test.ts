/** The page in a browser: headless Chromium, whose SwiftShader plays the GPU. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '@immiscible/tensor-core';
import { buildPage } from '../build.mjs';
import { servePage } from '../serve.mjs';
import { History } from '../src/history.ts';
import { swissRollTask } from '../src/swiss-roll.ts';
import { type Arm, type PerArm, Training } from '../src/training.ts';

const executable = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const missing = existsSync(executable)
  ? ''
  : ` (skipped: there is no ${executable}; name a Chromium by CHROMIUM_PATH)`;

const WEBGPU = [
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-webgpu-adapter=swiftshader',
  '--use-angle=swiftshader',
  '--disable-gpu-sandbox',
];

/** What the same run gives in Node on the CPU: mean losses over the first `steps` steps, of which the page shows 50. */
async function meanLosses(steps: number): Promise<PerArm<number>> {
  const device = await openDevice('cpu', { threads: 1 });
  const training = new Training(device, swissRollTask(), 0);
  for (let k = 0; k < steps; k++) await training.advance();
  const history = new History();
  history.add(await training.readLosses());
  const mean = (arm: Arm): number => history.recent(arm, 50)!;
  const means = { vanilla: mean('vanilla'), immiscible: mean('immiscible') };
  await device.dispose();
  return means;
}

describe.skipIf(missing !== '')(`the page${missing}`, () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof servePage>> | undefined;
  let address = '';
  const browsers: Browser[] = [];

  /** A page whose every address outside its own server is refused, and told. */
  const open = async (args: readonly string[], beyond: string[] = []): Promise<Page> => {
    const browser = await chromium.launch({
      executablePath: executable,
      args: ['--no-sandbox', '--disable-background-networking', ...args],
    });
    browsers.push(browser);
    const context: BrowserContext = await browser.newContext({ viewport: { width: 1200, height: 900 } });
    await context.route(
      (url) => !url.href.startsWith(address) && url.protocol !== 'data:',
      (route) => {
        beyond.push(route.request().url());
        return route.abort();
      },
    );
    return context.newPage();
  };
  const text = async (page: Page, id: string): Promise<string> =>
    (await page.locator(`#${id}`).textContent()) ?? '';
  const untilStep = (page: Page, step: number): Promise<unknown> =>
    page.waitForFunction(
      (wanted) =>
        Number(document.querySelector('#steps')?.textContent) >= wanted ||
        document.querySelector<HTMLElement>('#error')?.hidden === false,
      step,
    );

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'immiscible-page-'));
    await buildPage(folder, { fromSources: true });
    server = await servePage(folder, 0);
    address = server.url;
  }, 120_000);
  afterAll(async () => {
    for (const browser of browsers) await browser.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('trains both arms, draws curves, pairs and samples, pauses and begins again', async () => {
    const beyond: string[] = [];
    const page = await open(WEBGPU, beyond);
    page.setDefaultTimeout(150_000);
    await page.goto(address);
    await untilStep(page, 3);
    expect(await text(page, 'error')).toBe('');
    const first = await page.evaluate(() => {
      const number = (id: string): number => Number(document.getElementById(id)?.textContent);
      return {
        steps: number('steps'),
        vanilla: number('loss-vanilla'),
        immiscible: number('loss-immiscible'),
      };
    });
    const onCpu = await meanLosses(first.steps);
    expect(first.vanilla).toBeCloseTo(onCpu.vanilla, 3);
    expect(first.immiscible).toBeCloseTo(onCpu.immiscible, 3);
    await untilStep(page, 100);
    expect(await text(page, 'error')).toBe('');
    expect(await text(page, 'adapter')).toMatch(/swiftshader.*\(software\)/i);
    expect(await page.locator('#software').isVisible()).toBe(true);
    expect(Number(await text(page, 'loss-vanilla'))).toBeLessThan(first.vanilla);
    expect(Number(await text(page, 'loss-immiscible'))).toBeLessThan(first.immiscible);
    expect(parseFloat(await text(page, 'cut'))).toBeLessThan(-5);
    for (const arm of ['vanilla', 'immiscible']) {
      expect(await page.locator(`#samples-${arm} circle`).count()).toBeGreaterThan(400);
      expect(await page.locator(`#pairs-${arm} path`).count()).toBeGreaterThanOrEqual(80);
    }
    expect(await page.locator('#curves path').count()).toBeGreaterThanOrEqual(4);

    await page.click('#pause');
    expect(await text(page, 'pause')).toBe('Resume');
    // What was under way is finished; then the counter stands still.
    let steps = '';
    do {
      steps = await text(page, 'steps');
      await page.waitForTimeout(1000);
    } while (steps !== (await text(page, 'steps')));
    await page.click('#pause');
    await untilStep(page, Number(steps) + 1);
    await page.click('#reset');
    await page.waitForFunction(
      (before) => Number(document.querySelector('#steps')?.textContent) < before,
      Number(steps),
    );
    expect(await text(page, 'error')).toBe('');
    expect(beyond, 'addresses that the page asked for beside its own').toEqual([]);
  }, 300_000);

  it('says what to do where the browser has no WebGPU', async () => {
    const page = await open(['--disable-features=WebGPU', '--disable-gpu']);
    await page.addInitScript(() => {
      Reflect.deleteProperty(Navigator.prototype, 'gpu');
    });
    await page.goto(address);
    await page.locator('#error').waitFor({ state: 'visible' });
    expect(await text(page, 'error')).toMatch(/no WebGPU.*Chrome and Edge.*113/);
  });

  it('says so where a browser with WebGPU gives no adapter', async () => {
    const page = await open(['--disable-gpu']);
    await page.addInitScript(() => {
      const gpu = { requestAdapter: () => Promise.resolve(null) };
      Object.defineProperty(Navigator.prototype, 'gpu', { get: () => gpu });
    });
    await page.goto(address);
    await page.locator('#error').waitFor({ state: 'visible' });
    expect(await text(page, 'error')).toMatch(/has WebGPU, but gives no adapter/);
  });
});
