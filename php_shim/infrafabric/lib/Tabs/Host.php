<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Closure;
use Infrafabric\Outcome;

/**
 * What a tab may ask of the module: texts, messages and errors, and storing fields of its service.
 */
final class Host
{
    /**
     * @param Closure(string, string...): string $say
     * @param Closure(string, string, string): void $fail field, rule, message
     * @param Closure(Outcome): void $failFor
     * @param Closure(string): void $success
     * @param Closure(object, string, string): void $store service, key, value
     * @param Closure(object): bool $refresh brings the stored service up to date with the bridge
     */
    public function __construct(
        private Closure $say,
        private Closure $fail,
        private Closure $failFor,
        private Closure $success,
        private Closure $store,
        private Closure $refresh
    ) {
    }

    public function say(string $key, string ...$values): string
    {
        return ($this->say)($key, ...$values);
    }

    public function fail(string $field, string $rule, string $message): void
    {
        ($this->fail)($field, $rule, $message);
    }

    public function failFor(Outcome $outcome): void
    {
        ($this->failFor)($outcome);
    }

    public function success(string $message): void
    {
        ($this->success)($message);
    }

    public function store(object $service, string $key, string $value): void
    {
        ($this->store)($service, $key, $value);
    }

    public function refresh(object $service): bool
    {
        return ($this->refresh)($service);
    }
}
