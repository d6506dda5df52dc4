/** Where a study comes from: the program, or a file whose pieces may extend recipes. */
import { studies } from '@immiscible/trainer';
import { isObject, type Json, type JsonObject, readYamlFile, resolveExtends } from '../config-file.ts';
import { UsageError } from '../errors.ts';

/**
 * A study as plain data, not checked yet.
 *
 * @param flags `config`: a file; `data`: `kind=path`, put into every piece whose data are of that kind
 * @throws UsageError for an unknown study, a file that cannot be read or parsed, a wrong `--data`
 */
export async function loadStudy(
  name: string,
  flags: { readonly config?: string; readonly data: readonly string[] },
): Promise<JsonObject> {
  const study = flags.config === undefined ? studyNamed(name) : await readStudyFile(flags.config);
  return flags.data.reduce(placeData, study);
}

function studyNamed(name: string): JsonObject {
  if (!Object.hasOwn(studies, name)) {
    throw new UsageError(`there is no study "${name}"; choose one of ${Object.keys(studies).join(', ')}`);
  }
  return studies[name as keyof typeof studies] as unknown as JsonObject;
}

async function readStudyFile(path: string): Promise<JsonObject> {
  const study = await readYamlFile(path);
  const { pieces } = study;
  if (!Array.isArray(pieces)) throw new UsageError(`${path}: wants pieces, a list of { name, config }`);
  const resolved = (pieces as readonly Json[]).map(async (piece): Promise<Json> => {
    if (!isObject(piece) || !isObject(piece['config'])) return piece;
    return { ...piece, config: await resolveExtends(piece['config'], path) };
  });
  return { ...study, pieces: await Promise.all(resolved) };
}

function placeData(study: JsonObject, text: string): JsonObject {
  const at = text.indexOf('=');
  const [kind, path] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (kind === '' || path === '')
    throw new UsageError(`--data: wants kind=path, such as cifar10=FOLDER, got "${text}"`);
  let found = false;
  const pieces = (study['pieces'] as readonly Json[]).map((piece): Json => {
    const config = isObject(piece) ? piece['config'] : undefined;
    const data = isObject(config) ? config['data'] : undefined;
    if (!isObject(piece) || !isObject(config) || !isObject(data) || data['kind'] !== kind) return piece;
    found = true;
    return { ...piece, config: { ...config, data: { ...data, path } } };
  });
  if (!found) throw new UsageError(`--data: no piece of the study has data of the kind ${kind}`);
  return { ...study, pieces };
}
