/** `immiscible info`: what there is to work with, and what a model is. */
import { stat } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { describeModel, type ModelDescription } from '@immiscible/models';
import { adapterLine, webgpuAdapters } from '@immiscible/tensor-core';
import {
  type CompareConfig,
  describeEnvironment,
  type Environment,
  isRun,
  parseCompareConfig,
  readPipeline,
  readRunConfig,
  recipes,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { adapterAbilities, automaticDevice } from '../adapters.ts';
import { loadConfig } from '../config-file.ts';
import { architectureFacts } from '../config-text.ts';
import { UsageError } from '../errors.ts';
import { bytes, count, magnitude, plural } from '../format.ts';
import { colorsFor, type Io, printJson, printLine } from '../io.ts';
import { findModel } from '../model-folder.ts';
import { withDevice } from '../session.ts';
import { renderTable } from '../table.ts';
import { VERSION } from '../version.ts';

interface InfoFlags {
  readonly json?: true;
}

export function infoCommand(io: Io): Command {
  return new Command('info')
    .summary('versions, device and recipes; or what a model is')
    .description(
      'Without an argument: versions, device, processor, the GPUs that WebGPU finds, which device `auto` takes and why, and\n' +
        'the recipes that come with the program. With one: the model of a recipe, of a pipeline folder or of a run, its\n' +
        'size and what a forward pass costs.',
    )
    .argument('[what]', 'a recipe, a pipeline folder, or the folder of a run')
    .option('--json', 'print as JSON on stdout; of a recipe, this includes its whole config')
    .addHelpText(
      'after',
      `
Examples:
  immiscible info
  immiscible info cifar10-ddim --json
  immiscible info runs/demo/immiscible`,
    )
    .action((what: string | undefined, flags: InfoFlags) =>
      what === undefined ? showMachine(flags, io) : showModel(what, flags, io),
    );
}

type ModelConfig = CompareConfig['model'];

function describe(model: ModelConfig): ModelDescription {
  return describeModel(model, model.sample_size === null ? [32, 32] : undefined);
}

async function showMachine({ json }: InfoFlags, io: Io): Promise<void> {
  const environment: Environment = await withDevice({ device: 'auto' }, {}, async (device) =>
    describeEnvironment(device),
  );
  const machine = { threads: availableParallelism(), memoryBytes: totalmem() };
  const adapters = await webgpuAdapters();
  const auto = automaticDevice(adapters);
  const known = await Promise.all(
    Object.keys(recipes).map(async (name) => {
      const { data, model, training } = parseCompareConfig(await loadConfig({ recipe: name }));
      const { parameters, size } = describe(model);
      return {
        name,
        data: data.kind,
        size,
        parameters,
        steps: training.steps,
        batchSize: training.batchSize,
      };
    }),
  );
  if (json) {
    printJson(io.stdout, {
      version: VERSION,
      ...environment,
      ...machine,
      webgpuAdapters: adapters,
      auto,
      recipes: known,
    });
    return;
  }
  const colors = colorsFor(io.stdout, io.env);
  const line = (name: string, value: string): void =>
    printLine(io.stdout, `${colors.dim(name.padEnd(12))}${value}`);
  line('immiscible', VERSION);
  for (const [name, version] of Object.entries(environment.versions)) line('', `${name} ${version}`);
  line('Node.js', `${environment.node}, ${environment.platform}`);
  line('device', environment.device);
  line(
    'processor',
    `${environment.processor}, ${plural(machine.threads, 'thread')}, ${bytes(machine.memoryBytes)} of memory`,
  );
  if (adapters.length === 0) line('WebGPU', 'no adapter');
  for (const adapter of adapters) {
    line('WebGPU', adapterLine(adapter));
    line('', colors.dim(adapterAbilities(adapter)));
  }
  line('auto takes', `${auto.device}: ${auto.reason}`);
  const rows = known.map(({ name, data, size, parameters, steps, batchSize }) => [
    name,
    data,
    size.join('×'),
    magnitude(parameters),
    `${count(steps)} × ${batchSize}`,
  ]);
  printLine(
    io.stdout,
    `\n${renderTable(['recipe', 'data', 'size', 'parameters', 'steps × batch'], rows, colors)}`,
  );
}

/** What the argument names: a folder where there is one, else a recipe. */
async function modelNamed(what: string): Promise<{ model: ModelConfig; more: Record<string, unknown> }> {
  const isFolder = await stat(what).then(
    (s) => s.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    if (!Object.hasOwn(recipes, what)) {
      throw new UsageError(
        `${what} is neither a folder nor a recipe; the recipes are ${Object.keys(recipes).join(', ')}`,
      );
    }
    const config = parseCompareConfig(await loadConfig({ recipe: what }));
    return { model: config.model, more: { recipe: what, config } };
  }
  if (await isRun(what)) {
    const config = await readRunConfig(what);
    const { folder, step } = await findModel(what).catch(() => ({ folder: what, step: 0 }));
    return { model: config.model, more: { run: config.name, folder, step, config } };
  }
  const { folder } = await findModel(what);
  const { model, scheduler } = await readPipeline(folder);
  return { model, more: { folder, scheduler } };
}

async function showModel(what: string, { json }: InfoFlags, io: Io): Promise<void> {
  const { model, more } = await modelNamed(what);
  const description = describe(model);
  if (json) {
    printJson(io.stdout, { ...more, ...description, model });
    return;
  }
  const colors = colorsFor(io.stdout, io.env);
  const line = (name: string, value: string): void =>
    printLine(io.stdout, `${colors.dim(name.padEnd(14))}${value}`);
  const { parameters, frozen, tensors, size, multiplyAdds, activations } = description;
  printLine(
    io.stdout,
    colors.bold(`${model._class_name} ${typeof more['folder'] === 'string' ? more['folder'] : what}`),
  );
  if (typeof more['step'] === 'number') line('trained', plural(more['step'], 'step'));
  line(
    'parameters',
    `${count(parameters)} in ${plural(tensors, 'array')}${frozen === 0 ? '' : `, ${count(frozen)} frozen`}`,
  );
  line('image', `${size.join('×')}, ${plural(model.in_channels, 'channel')}`);
  line(
    'forward pass',
    `${magnitude(multiplyAdds)} multiply-adds for one image (${magnitude(2 * multiplyAdds)} FLOP), ${magnitude(activations)} activations`,
  );
  line('weights', `${bytes(4 * (parameters + frozen))} as float32`);
  for (const [name, text] of architectureFacts(model)) line(name, text);
}
