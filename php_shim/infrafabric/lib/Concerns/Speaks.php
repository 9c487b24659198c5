<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Bridge;
use Infrafabric\Masker;
use Infrafabric\Outcome;
use Infrafabric\ServiceFields;
use Throwable;

/**
 * How the module talks: texts, errors, views, and a bridge client for a module row.
 */
trait Speaks
{
    private int $depth = 0;

    /**
     * Run a public method's work; whatever is thrown becomes an Input error, because Blesta takes anything without one
     * for success.
     *
     * @template T
     * @param callable(): T $work
     * @param T $otherwise
     * @return T
     */
    private function guarded(callable $work, mixed $otherwise = null): mixed
    {
        if ($this->depth === 0) {
            // One instance may serve several services in a cron run: an error of the one before is not this one's.
            $this->Input->setErrors([]);
        }
        $this->depth++;
        try {
            return $work();
        } catch (Throwable $error) {
            $this->report($error);
            $this->fail('module', 'unexpected', $this->say('Infrafabric.!error.unexpected', $error::class));

            return $otherwise;
        } finally {
            $this->depth--;
        }
    }

    private function report(Throwable $error): void
    {
        $text = (new Masker())->text($error->getMessage());
        $place = basename($error->getFile()) . ':' . $error->getLine();
        $this->log('infrafabric', sprintf('%s in %s: %s', $error::class, $place, $text));
    }

    private function say(string $key, string ...$values): string
    {
        return (string) \Language::_($key, true, ...$values);
    }

    private function fail(string $field, string $rule, string $message): void
    {
        $errors = $this->Input->errors() ?: [];
        $errors[$field][$rule] = $message;
        $this->Input->setErrors($errors);
    }

    /**
     * Set Input errors for an outcome that is no success: the bridge's own field errors where it names fields.
     *
     * @param array<string, string> $names a form's name of a field by the bridge's, where they differ
     */
    private function failFor(Outcome $outcome, array $names = Outcome::FORM_NAMES): void
    {
        $fields = $outcome->kind === Outcome::UNCONFIRMED ? [] : $outcome->fieldErrors($names);
        if ($fields !== []) {
            $this->Input->setErrors($fields);

            return;
        }
        $id = $outcome->answer->requestId;
        $refused = in_array($outcome->answer->status, [401, 403], true)
            ? 'Infrafabric.!error.key_refused'
            : 'Infrafabric.!error.refused';
        $key = match ($outcome->kind) {
            Outcome::FAILED => 'Infrafabric.!error.failed',
            Outcome::REFUSED => $refused,
            Outcome::ACCEPTED => 'Infrafabric.!error.in_progress',
            default => 'Infrafabric.!error.unconfirmed',
        };
        $this->fail('bridge', $outcome->kind, $this->say($key, $this->plain($outcome->detail()), $id));
    }

    /**
     * A text of somebody else's, short and without secrets, for an error box.
     */
    private function plain(string $text): string
    {
        return mb_strimwidth((new Masker())->text($text), 0, 500, '…', 'UTF-8');
    }

    /**
     * @param list<string> $secrets values beside the row's key that no log may show
     */
    private function bridgeAt(string $url, string $key, string $actor, array $secrets = []): Bridge
    {
        $log = function (string $url, string $data, string $direction, bool $success): void {
            $this->log($url, $data, $direction, $success);
        };

        return new Bridge($url, $key, $actor, new Masker([$key, ...$secrets]), $log);
    }

    private function bridgeOf(object $row, string $actor): Bridge
    {
        return $this->bridgeAt((string) ($row->meta->bridge_url ?? ''), (string) ($row->meta->bridge_key ?? ''), $actor);
    }

    /**
     * The module row a service or package belongs to; an Input error when there is none.
     */
    private function rowFor(mixed ...$ids): ?object
    {
        foreach ($ids as $id) {
            $row = is_numeric($id) && (int) $id > 0 ? $this->getModuleRow((int) $id) : null;
            if (is_object($row)) {
                return $row;
            }
        }
        $row = $this->getModuleRow();
        if (is_object($row)) {
            return $row;
        }
        $this->fail('module_row', 'missing', $this->say('Infrafabric.!error.module_row'));

        return null;
    }

    private function serviceKey(object $service): ?string
    {
        $key = \Infrafabric\Uuid::read(ServiceFields::ofService($service)->value('ifb_key'));
        if ($key === null) {
            $this->fail('ifb_key', 'valid', $this->say('Infrafabric.!error.no_key'));
        }

        return $key;
    }

    private function waitOf(object $row): int
    {
        return max(0, min(60, (int) ($row->meta->wait_seconds ?? 10)));
    }

    /**
     * Who asks: the staff member Blesta names, else Blesta itself acting on its own rules.
     *
     * @param array<string, mixed> $vars
     */
    private function actorOf(array $vars = []): string
    {
        $staff = $vars['staff_id'] ?? null;

        return is_numeric($staff) && (int) $staff > 0 ? 'staff:' . (int) $staff : 'cron';
    }

    /**
     * @param array<string, mixed> $values
     * @param list<string> $helpers
     */
    private function render(string $name, array $values, array $helpers = ['Form', 'Html']): string
    {
        $this->view = new \View($name, 'default');
        $this->view->base_uri = $this->base_uri;
        $this->view->setDefaultView('components' . DS . 'modules' . DS . 'infrafabric' . DS);
        \Loader::loadHelpers($this, $helpers);
        foreach ($values as $key => $value) {
            $this->view->set($key, $value);
        }

        return (string) $this->view->fetch();
    }
}
