// This is the reporter of vitest: it prints how far a run is, what failed, and what was skipped and why.

import { DefaultReporter, type TestCase, type TestModule, type TestSpecification } from 'vitest/node'
import { isOtherServer, miscounted, onOtherServers } from './lacks.ts'

/** How long all tests take, measured with nothing else running. */
const usualTime = 'less than 8 minutes on two cores'

/** Prints what is news of a run: how far it is, what failed, and what was skipped and why. */
export default class NewsReporter extends DefaultReporter {
  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    super.onTestRunStart(specifications)
    // `npm test` alone: with arguments, such as the name of a file, it takes any time.
    const isWhole = process.env['npm_lifecycle_event'] === 'test' && process.argv.slice(2).join(' ') === 'run'
    const time = isWhole ? `, ${usualTime}` : ''
    this.log(`      ${specifications.length} test files on Node ${process.version}${time}\n`)
  }

  override onTestRunEnd(...[modules, ...rest]: Parameters<DefaultReporter['onTestRunEnd']>): void {
    const skips = modules.flatMap((module) => [...module.children.allTests('skipped')])
    const reasons = Map.groupBy(skips, whySkipped)
    // Tests that `-t` leaves out are skipped without a reason, and are not worth a line.
    if (this.ctx.config.testNamePattern) reasons.delete(undefined)
    if (reasons.size > 0) this.log()
    for (const [why = 'no reason is given', tests] of reasons) {
      const files = new Set(tests.map(({ module }) => module.relativeModuleId))
      const where = files.size === 1 ? [...files].join() : `${files.size} files`
      this.log(`    Skipped  ${tests.length} of ${where}: ${why}`)
    }
    for (const problem of this.ctx.config.testNamePattern ? [] : miscounts(modules)) {
      this.error(problem)
      process.exitCode = 1
    }
    super.onTestRunEnd(modules, ...rest)
  }

  protected override printTestModule(module: TestModule): void {
    // On a terminal vitest draws its progress. A log gets a line for each file instead.
    if (!this.isTTY || module.state() === 'failed') super.printTestModule(module)
  }

  protected override printTestCase(state: 'passed' | 'failed', test: TestCase): void {
    if (test.result().state === 'failed') super.printTestCase(state, test)
  }
}

/** What is wrong with the numbers of tests that are left out over other servers, of those that have run all of their files. */
function miscounts(modules: readonly TestModule[]): string[] {
  const servers = Map.groupBy(modules, ({ project }) => project.name)
  return [...servers].flatMap(([server, own]) => {
    const isWhole = isOtherServer(server) && own.length === onOtherServers.length
    const tests = own.flatMap((module) => [...module.children.allTests()])
    return isWhole ? miscounted(server, tests.map(fullName)) : []
  })
}

/** The name of a test with those of the suites that it is in, as as-far-as-it-can.ts has it. */
function fullName(test: TestCase): string {
  return test.fullName.replaceAll(' > ', ' ')
}

function whySkipped(test: TestCase): string | undefined {
  const result = test.result()
  if (result.state === 'skipped' && result.note) return result.note
  let task: TestCase | TestCase['parent'] = test
  while (task.type !== 'module' && !task.meta().whySkipped) task = task.parent
  return task.meta().whySkipped
}
