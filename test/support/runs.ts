// This says how often a property is tried.

/** The number of runs of a property: `usual`, or `long` in `npm run test:long`, which may take its time. */
export const runs = (usual: number, long: number): number => (process.env['LONG'] ? long : usual)
