<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Bridge;
use Infrafabric\Deadline;
use Infrafabric\Masker;
use Infrafabric\Outcome;
use Infrafabric\ReadyMail;
use Infrafabric\Sync;
use Throwable;

/**
 * Installation and the cron task that pulls what Blesta has to store.
 */
trait Synchronises
{
    public function install()
    {
        return $this->guarded(function (): void {
            $this->addTask();
        });
    }

    public function upgrade($current_version)
    {
        return $this->guarded(function () use ($current_version): void {
            if (version_compare((string) $current_version, '1.0.0', '<')) {
                $this->addTask();
            }
        });
    }

    public function uninstall($module_id, $last_instance)
    {
        return $this->guarded(function () use ($last_instance): void {
            \Loader::loadModels($this, ['CronTasks']);
            $task = $this->task();
            $run = $this->CronTasks->getTaskRunByKey($task['key'], $task['dir'], false, $task['task_type']);
            if ($run) {
                $this->CronTasks->deleteTaskRun($run->task_run_id);
            }
            $known = $this->CronTasks->getByKey($task['key'], $task['dir'], $task['task_type']);
            if ($last_instance && $known) {
                $this->CronTasks->deleteTask($known->id, $task['task_type'], $task['dir']);
            }
        });
    }

    /**
     * @return array<string, mixed>
     */
    private function task(): array
    {
        return [
            'key' => self::taskKey(),
            'task_type' => 'module',
            'dir' => 'infrafabric',
            'name' => $this->say('Infrafabric.cron.sync_name'),
            'description' => $this->say('Infrafabric.cron.sync_description'),
            'type' => 'interval',
            'type_value' => 5,
            'enabled' => 1,
        ];
    }

    private static function taskKey(): string
    {
        return 'sync';
    }

    private function addTask(): void
    {
        \Loader::loadModels($this, ['CronTasks']);
        $task = $this->task();
        $known = $this->CronTasks->getByKey($task['key'], $task['dir'], $task['task_type']);
        $id = $known ? $known->id : $this->CronTasks->add($task);
        $run = $this->CronTasks->getTaskRunByKey($task['key'], $task['dir'], false, $task['task_type']);
        if ($id && !$run) {
            $this->CronTasks->addTaskRun($id, ['interval' => $task['type_value'], 'enabled' => $task['enabled']]);
        }
        $errors = $this->CronTasks->errors();
        if ($errors) {
            $this->Input->setErrors($errors);
        }
    }

    public function cron($key)
    {
        if ($key !== self::taskKey()) {
            return;
        }
        $this->guarded(function (): void {
            \Loader::loadModels($this, ['Services', 'Companies', 'ModuleManager']);
            $company = (int) \Configure::get('Blesta.company_id');
            $rows = [];
            foreach ($this->ModuleManager->getByClass('infrafabric', $company) ?: [] as $module) {
                foreach ($this->ModuleManager->getRows($module->id) ?: [] as $row) {
                    $rows[] = [(int) $module->id, $row];
                }
            }
            $this->syncRows($rows, $company, new Deadline(self::secondsOfARun()));
        });
    }

    /**
     * Less than the five minutes until Blesta's cron comes again.
     */
    private static function secondsOfARun(): float
    {
        return 240.0;
    }

    /**
     * Each row gets its share of what is left, so that one with much to tell does not keep the others waiting.
     *
     * @param list<array{int, object}> $rows module id and row
     */
    private function syncRows(array $rows, int $company, Deadline $deadline): void
    {
        foreach ($rows as $number => [$module, $row]) {
            $this->syncRow($module, $row, $company, new Deadline($deadline->left() / (count($rows) - $number)));
        }
    }

    /**
     * One row's trouble must not keep the others from being brought up to date.
     */
    private function syncRow(int $moduleId, object $row, int $company, Deadline $deadline): void
    {
        try {
            $this->syncOf($moduleId, $row, $company, $this->bridgeOf($row, 'cron'))->run($deadline);
        } catch (Throwable $error) {
            $this->report($error);
            $this->fail('sync', 'unexpected', $this->say('Infrafabric.!error.unexpected', $error::class));
        }
    }

    private function syncOf(int $moduleId, object $row, int $company, Bridge $bridge): Sync
    {
        $note = function (string $subject, string $text, bool $good): void {
            $this->log('infrafabric: ' . $subject, (new Masker())->text($text), 'output', $good);
        };
        $texts = fn (string $key, string ...$values): string => $this->say($key, ...$values);
        \Loader::loadModels($this, ['Emails', 'Clients']);
        $sender = [(string) ($row->meta->mail_from ?? ''), (string) ($row->meta->mail_name ?? '')];
        $mails = (array) \Configure::get('Infrafabric.ready_mail');
        $written = $mails[$this->say('Infrafabric.language')] ?? reset($mails);
        $mail = new ReadyMail($this->Emails, $this->Clients, ...[...$sender, (array) $written, $texts]);

        return new Sync($bridge, $this->Services, $this->Companies, $moduleId, $row, $company, $note, $texts, $mail);
    }

    /**
     * Bring one service up to date at once; false, with an Input error, when the bridge does not tell.
     */
    private function refresh(object $service): bool
    {
        \Loader::loadModels($this, ['Services', 'Companies']);
        $key = $this->serviceKey($service);
        $row = $key === null ? null : $this->rowFor($service->module_row_id ?? null);
        if ($key === null || $row === null) {
            return false;
        }
        $bridge = $this->bridgeOf($row, $this->staff());
        $answer = $bridge->get('/v1/services/' . rawurlencode($key));
        if (!$answer->isSuccess()) {
            $this->failFor(Outcome::of($answer));

            return false;
        }
        $company = (int) \Configure::get('Blesta.company_id');
        $this->syncOf((int) ($row->module_id ?? 0), $row, $company, $bridge)->refresh($service, (array) $answer->body);

        return true;
    }
}
