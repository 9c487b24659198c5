<?php

/**
 * Settings of a company.
 */
class Companies
{
    public function setSetting(int $company, string $key, mixed $value): void
    {
        if (strlen($key) > 32) {
            throw new LengthException('setting names are short: ' . $key);
        }
        State::change(static function (array &$state) use ($company, $key, $value): void {
            $state['settings'][$company][$key] = (string) $value;
        });
    }

    public function getSetting(int $company, string $key): stdClass|false
    {
        $value = State::read()['settings'][$company][$key] ?? null;

        return $value === null ? false : (object) ['key' => $key, 'value' => $value];
    }
}
