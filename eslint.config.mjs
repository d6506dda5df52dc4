import tseslint from 'typescript-eslint';
import { importX } from 'eslint-plugin-import-x';

/** Layers (docs/architecture.md): a package may import only what stands in a layer below its own. */
const layers = [
  ['random', 'fashion-mnist'],
  ['tensor-core'],
  ['datasets', 'assignment', 'schedulers', 'models', 'metrics-fid'],
  ['trainer'],
  ['cli', 'bench', 'browser'],
];
/** These work on typed arrays alone, so that whoever installs one of them installs no device. */
const withoutDevice = ['assignment', 'schedulers', 'datasets'];
/** Where a package lies, if not in packages. */
const folders = { cli: 'apps', bench: 'apps', browser: 'docs' };

const layerRules = layers.flatMap((names, level) =>
  names.map((name) => {
    const forbidden = layers
      .slice(level)
      .flat()
      .filter((other) => other !== name);
    if (withoutDevice.includes(name)) forbidden.push('tensor-core');
    return {
      files: [`${folders[name] ?? 'packages'}/${name}/**/*.ts`],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                group: forbidden.flatMap((other) => [`@immiscible/${other}`, `@immiscible/${other}/*`]),
                message: `${name} stands in layer ${level}: imports point down only (docs/architecture.md).`,
              },
              {
                group: ['../../../packages/*', '../../../apps/*', '**/dist/**'],
                message: 'Import another package by its name.',
              },
            ],
          },
        ],
      },
    };
  }),
);

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      'runs/**',
      'data/**',
      '**/.turbo/**',
      '**/assembly/**',
      '**/*.generated.ts',
    ],
  },
  {
    files: ['packages/**/*.ts', 'apps/**/*.ts', 'docs/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'import-x/no-default-export': 'error',
      'import-x/no-relative-packages': 'error',
      'no-console': 'error',
    },
  },
  ...layerRules,
  { files: ['apps/**/*.ts', 'docs/**/*.ts', 'packages/*/scripts/**'], rules: { 'no-console': 'off' } },
  { files: ['**/*.mjs'], extends: [tseslint.configs.recommended] },
  {
    files: ['**/*.config.ts', '**/tsup.config.ts'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'import-x/no-default-export': 'off' },
  },
);
