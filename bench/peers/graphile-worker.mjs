// graphile-worker: `addJobs`, and `runOnce` with the settings that its documentation on performance uses.
import { Logger, makeWorkerUtils, runOnce } from "graphile-worker";
import pg from "pg";

import { content, serve } from "./commands.mjs";

const pgPool = new pg.Pool({ max: 25 });
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();
let done = 0;

await serve({
  async enqueue(batch, times) {
    for (let nth = 0; nth < times; nth++) {
      await utils.addJobs(Array.from({ length: batch }, () => ({ identifier: "orders", payload: content })));
    }
  },
  async dequeue(batch, times) {
    done = 0;
    await runOnce({
      preset: {
        worker: { concurrentJobs: 24, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      },
      pgPool,
      logger,
      noHandleSignals: true,
      taskList: { orders: async () => void done++ },
    });
    if (done !== batch * times) throw new Error(`${done} jobs were done`);
  },
});
await utils.release();
await pgPool.end();
