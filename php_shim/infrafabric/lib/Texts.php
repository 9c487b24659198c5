<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Language keys that are chosen by a value. Written out, so that a search for a key finds its use.
 */
final class Texts
{
    public const ROW_ERRORS = [
        'name' => 'Infrafabric.!error.row_name',
        'bridge_url' => 'Infrafabric.!error.row_bridge_url',
        'bridge_key' => 'Infrafabric.!error.row_bridge_key',
        'completion_mode' => 'Infrafabric.!error.row_completion_mode',
        'wait_seconds' => 'Infrafabric.!error.row_wait_seconds',
        'infrafabric_api_url' => 'Infrafabric.!error.row_infrafabric_api_url',
        'infrafabric_api_key' => 'Infrafabric.!error.row_infrafabric_api_key',
        'default_datacenter' => 'Infrafabric.!error.row_default_datacenter',
        'provisioning_timeout' => 'Infrafabric.!error.row_provisioning_timeout',
        'webhook_secret' => 'Infrafabric.!error.row_webhook_secret',
        'mail_from' => 'Infrafabric.!error.row_mail_from',
        'mail_name' => 'Infrafabric.!error.row_mail_name',
    ];
    public const SIZE_ERRORS = [
        'cpus' => 'Infrafabric.!error.package_cpus',
        'memory_mb' => 'Infrafabric.!error.package_memory_mb',
        'disk_gb' => 'Infrafabric.!error.package_disk_gb',
    ];
    /** Numbers of a package that may be left empty: label, error, least and most. */
    public const NUMBERS = [
        'limit_addresses' => [
            'Infrafabric.package.limit_addresses', 'Infrafabric.!error.package_limit_addresses', 0, 256,
        ],
        'limit_volumes' => ['Infrafabric.package.limit_volumes', 'Infrafabric.!error.package_limit_volumes', 0, 256],
        'limit_volume_gb' => [
            'Infrafabric.package.limit_volume_gb', 'Infrafabric.!error.package_limit_volume_gb', 1, 16000,
        ],
        'traffic_gb' => ['Infrafabric.package.traffic_gb', 'Infrafabric.!error.package_traffic_gb', 0, 1000000],
        'grace_hours' => ['Infrafabric.package.grace_hours', 'Infrafabric.!error.package_grace_hours', 0, 8760],
    ];
    public const PRESETS = [
        'web' => 'Infrafabric.firewall.preset_web',
        'ssh' => 'Infrafabric.firewall.preset_ssh',
        'mail' => 'Infrafabric.firewall.preset_mail',
        'closed' => 'Infrafabric.firewall.preset_closed',
        'open' => 'Infrafabric.firewall.preset_open',
    ];
    /** Every action of the bridge, for buttons and for the history. */
    public const ACTIONS = [
        'create' => 'Infrafabric.action.create',
        'adopt' => 'Infrafabric.action.adopt',
        'edit' => 'Infrafabric.action.edit',
        'suspend' => 'Infrafabric.action.suspend',
        'unsuspend' => 'Infrafabric.action.unsuspend',
        'terminate' => 'Infrafabric.action.terminate',
        'terminate_later' => 'Infrafabric.action.terminate_later',
        'undo_terminate' => 'Infrafabric.action.undo_terminate',
        'renew' => 'Infrafabric.action.renew',
        'start' => 'Infrafabric.action.start',
        'stop' => 'Infrafabric.action.stop',
        'reboot' => 'Infrafabric.action.reboot',
        'reinstall' => 'Infrafabric.action.reinstall',
        'reset_password' => 'Infrafabric.action.reset_password',
        'add_address' => 'Infrafabric.action.add_address',
        'remove_address' => 'Infrafabric.action.remove_address',
        'set_reverse_dns' => 'Infrafabric.action.set_reverse_dns',
        'set_firewall' => 'Infrafabric.action.set_firewall',
        'add_volume' => 'Infrafabric.action.add_volume',
        'resize_volume' => 'Infrafabric.action.resize_volume',
        'remove_volume' => 'Infrafabric.action.remove_volume',
        'remove_leftovers' => 'Infrafabric.action.remove_leftovers',
        'write_off' => 'Infrafabric.action.write_off',
    ];
    public const STATES = [
        'provisioning' => 'Infrafabric.state.provisioning',
        'active' => 'Infrafabric.state.active',
        'suspended' => 'Infrafabric.state.suspended',
        'terminated' => 'Infrafabric.state.terminated',
        'failed' => 'Infrafabric.state.failed',
    ];
    public const POWER = [
        'on' => 'Infrafabric.power.on',
        'off' => 'Infrafabric.power.off',
        'unknown' => 'Infrafabric.power.unknown',
    ];
}
