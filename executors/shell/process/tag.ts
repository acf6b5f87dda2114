/** Name of the variable that every process of a job carries, so that it is found wherever it went. */
export const tagVariable = "EXECUTOR_HOST_JOB";
