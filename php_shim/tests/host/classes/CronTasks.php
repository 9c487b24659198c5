<?php

/**
 * Cron tasks (shared by companies) and their runs (one a company).
 */
class CronTasks
{
    public function add(array $task): int
    {
        return State::change(static function (array &$state) use ($task): int {
            $id = State::nextId($state);
            $state['cron_tasks'][$id] = ['id' => $id] + $task;

            return $id;
        });
    }

    public function getByKey(string $key, ?string $dir = null, string $type = 'system'): stdClass|false
    {
        foreach (State::read()['cron_tasks'] as $task) {
            if ([$task['key'], $task['dir'], $task['task_type']] === [$key, $dir, $type]) {
                return (object) $task;
            }
        }

        return false;
    }

    public function addTaskRun(int $task, array $vars): int
    {
        return State::change(static function (array &$state) use ($task, $vars): int {
            $id = State::nextId($state);
            $state['cron_runs'][$id] = ['task_run_id' => $id, 'task_id' => $task] + $vars;

            return $id;
        });
    }

    public function getTaskRunByKey(
        string $key,
        ?string $dir = null,
        bool $system = false,
        string $type = 'system'
    ): stdClass|false {
        $task = $this->getByKey($key, $dir, $type);
        foreach ($task ? State::read()['cron_runs'] : [] as $run) {
            if ($run['task_id'] === $task->id) {
                return (object) $run;
            }
        }

        return false;
    }

    public function deleteTaskRun(int $id): void
    {
        State::change(static function (array &$state) use ($id): void {
            unset($state['cron_runs'][$id]);
        });
    }

    public function deleteTask(int $id, string $type, string $dir): void
    {
        State::change(static function (array &$state) use ($id): void {
            unset($state['cron_tasks'][$id]);
        });
    }

    public function errors(): array|false
    {
        return false;
    }
}
