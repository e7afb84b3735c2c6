// This configures TypeDoc, which `npm run codegen` runs. npm installs TypeDoc within this folder, because it needs another
// TypeScript than the project. It links only the commands of the folder's own package.json to where scripts of the project
// find them: that is why `bin` there names the one of TypeDoc.

import packageJson from '../../package.json' with { type: 'json' }
import { finishModel } from './model.js'
import { finishPages } from './pages.js'

/** What users import, by its file. */
const specifiers = new Map(
  Object.entries(packageJson.exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([path, target]) => [
      target.default.replaceAll(/^\.\/dist\/|\.js$/g, ''),
      path.replace('.', packageJson.name),
    ]),
)

/** The same by the name that TypeDoc gives to the module: its file, or the folder of an index. */
const modules = new Map(
  Array.from(specifiers, ([file, specifier]) => [file.replace(/\/index$/, ''), specifier]),
)

/** @type {Partial<import('typedoc').TypeDocOptions> & import('typedoc-plugin-markdown').PluginOptions} */
export default {
  name: 'Reference',
  entryPoints: Array.from(specifiers.keys(), (file) => `../../src/${file}.ts`),
  tsconfig: '../../tsconfig.build.json',
  // TypeScript 7 checks the types, in `npm run check`.
  skipErrorChecking: true,
  out: '../reference',
  plugin: ['typedoc-plugin-markdown', (app) => finishModel(app, modules), finishPages],
  logLevel: 'Warn',
  // A docstring with a dead {@link} fails. Signatures may name types that are not exported, like `Key` of session.ts.
  validation: { notExported: false, invalidLink: true },
  treatValidationWarningsAsErrors: true,

  router: 'module',
  readme: 'none',
  // Line numbers would make the pages stale with every change of a file.
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  preservedTypeAnnotationTags: ['@throws'],
  sortEntryPoints: false,
  sort: ['source-order'],
  groupOrder: ['Functions', 'Variables', 'Classes', 'Interfaces', 'Type Aliases'],

  hidePageHeader: true,
  useCodeBlocks: true,
  expandParameters: true,
  expandObjects: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  propertyMembersFormat: 'table',
  typeDeclarationFormat: 'table',
  typeDeclarationVisibility: 'compact',
  tableColumnSettings: { hideDefaults: true, hideModifiers: true, hideInherited: true, hideOverrides: true },
}
