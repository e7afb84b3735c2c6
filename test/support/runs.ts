/** Runs of a property: many where time allows it (`npm run test:long`). */
export const runs = (usual: number, long: number): number => (process.env['LONG'] ? long : usual)
