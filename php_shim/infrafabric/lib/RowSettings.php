<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * What a module row holds: how to reach the bridge, how activation waits, and the bridge's InfraFabric settings.
 *
 * The InfraFabric key and webhook secret go to the bridge and are not kept in Blesta: a mark says that they were given.
 */
final class RowSettings
{
    public const MODES = ['activate', 'pending'];
    public const DEFAULTS = [
        'completion_mode' => 'activate',
        'wait_seconds' => '10',
        'provisioning_timeout' => '300',
    ];
    public const PLAIN = [
        'name', 'bridge_url', 'completion_mode', 'wait_seconds',
        'infrafabric_api_url', 'default_datacenter', 'provisioning_timeout', 'mail_from', 'mail_name',
    ];
    public const MARKS = ['infrafabric_api_key' => 'infrafabric_api_key_set', 'webhook_secret' => 'webhook_secret_set'];
    private const GIVEN = 'yes';

    /** @var array<string, string> */
    private array $values = [];

    /**
     * @param array<string, mixed> $vars the posted form
     * @param object|null $row the stored row when it is edited: an empty secret field keeps what was stored
     */
    public function __construct(array $vars, private ?object $row = null)
    {
        foreach ([...self::PLAIN, 'bridge_key', ...array_keys(self::MARKS)] as $name) {
            $value = is_scalar($vars[$name] ?? null) ? trim((string) $vars[$name]) : '';
            $this->values[$name] = $value === '' ? (self::DEFAULTS[$name] ?? '') : $value;
        }
        if ($this->values['bridge_key'] === '') {
            $this->values['bridge_key'] = $this->stored('bridge_key');
        }
    }

    public function value(string $name): string
    {
        return $this->values[$name] ?? '';
    }

    private function stored(string $name): string
    {
        return (string) ($this->row->meta->{$name} ?? '');
    }

    /**
     * @return array<string, string> field => rule that it breaks
     */
    public function faults(): array
    {
        $v = $this->values;
        $keyNeeded = $this->stored('infrafabric_api_key_set') === '';
        $faults = [
            'name' => $v['name'] === '' ? 'empty' : (strlen($v['name']) > 64 ? 'length' : ''),
            'bridge_url' => Check::url($v['bridge_url']) ? '' : 'format',
            'bridge_key' => $v['bridge_key'] === '' ? 'empty' : self::token($v['bridge_key']),
            'completion_mode' => in_array($v['completion_mode'], self::MODES, true) ? '' : 'valid',
            'wait_seconds' => Check::whole($v['wait_seconds'], 0, 60) ? '' : 'valid',
            'infrafabric_api_url' => Check::url($v['infrafabric_api_url'], false) ? '' : 'format',
            'infrafabric_api_key' => $v['infrafabric_api_key'] === ''
                ? ($keyNeeded ? 'empty' : '') : self::token($v['infrafabric_api_key']),
            'default_datacenter' => $v['default_datacenter'] === '' || Check::name($v['default_datacenter'])
                ? '' : 'format',
            'provisioning_timeout' => Check::whole($v['provisioning_timeout'], 1, 86400) ? '' : 'valid',
            'webhook_secret' => $v['webhook_secret'] === '' || Check::webhookSecret($v['webhook_secret'])
                ? '' : 'format',
            'mail_from' => $v['mail_from'] === '' || filter_var($v['mail_from'], FILTER_VALIDATE_EMAIL) ? '' : 'format',
            'mail_name' => preg_match('/\A[^\x00-\x1f\x7f]{0,128}\z/u', $v['mail_name']) === 1 ? '' : 'format',
        ];

        return array_filter($faults);
    }

    private static function token(string $value): string
    {
        return preg_match('/\A[\x21-\x7e]{1,512}\z/', $value) === 1 ? '' : 'format';
    }

    /**
     * @return array<string, mixed> what the bridge stores; a secret left empty is left out and stays as it is
     */
    public function connection(): array
    {
        $body = [
            'infrafabric_api_url' => $this->values['infrafabric_api_url'],
            'infrafabric_api_key' => $this->values['infrafabric_api_key'],
            'default_datacenter' => $this->values['default_datacenter'],
            'webhook_secrets' => $this->values['webhook_secret'] === '' ? '' : [$this->values['webhook_secret']],
        ];

        return array_filter($body, static fn ($value) => $value !== '')
            + ['provisioning_timeout' => (int) $this->values['provisioning_timeout']];
    }

    /**
     * @return list<array{key: string, value: string, encrypted: int}> the row's complete meta
     */
    public function meta(string $connectionId): array
    {
        $meta = [];
        foreach (self::PLAIN as $name) {
            $meta[$name] = $this->values[$name];
        }
        foreach (self::MARKS as $secret => $mark) {
            $meta[$mark] = $this->values[$secret] === '' ? $this->stored($mark) : self::GIVEN;
        }
        $meta += ['connection_id' => $connectionId, 'bridge_key' => $this->values['bridge_key']];
        $fields = [];
        foreach ($meta as $key => $value) {
            if ($value !== '') {
                $fields[] = ['key' => $key, 'value' => $value, 'encrypted' => $key === 'bridge_key' ? 1 : 0];
            }
        }

        return $fields;
    }

    /**
     * @return list<string> values that no log may show
     */
    public function secrets(): array
    {
        return [$this->values['bridge_key'], $this->values['infrafabric_api_key'], $this->values['webhook_secret']];
    }
}
