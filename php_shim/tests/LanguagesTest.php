<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use PHPUnit\Framework\TestCase;

/**
 * Every language says what English says: the same texts, with the same blanks to fill in.
 */
final class LanguagesTest extends TestCase
{
    private const FOLDER = __DIR__ . '/../infrafabric/language';

    /** Words that are the same in other languages. */
    private const ALIKE = [
        'InfraFabric', 'Bridge', 'Bridges', 'Name', 'VPS', 'Container', 'CPUs', 'Hostname', 'Firewall', 'Ports', 'TCP',
        'UDP', 'ICMP',
    ];

    /**
     * @return array<string, string>
     */
    private static function texts(string $language): array
    {
        $lang = [];
        include self::FOLDER . "/$language/infrafabric.php";

        return $lang;
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function languages(): iterable
    {
        foreach (array_diff(scandir(self::FOLDER) ?: [], ['.', '..', 'en_us']) as $language) {
            yield $language => [$language];
        }
    }

    /**
     * Proves that no text is missing and none is left over.
     *
     * @dataProvider languages
     */
    public function testTheSameTexts(string $language): void
    {
        $english = array_keys(self::texts('en_us'));
        $other = array_keys(self::texts($language));
        self::assertSame([], array_values(array_diff($english, $other)), 'missing');
        self::assertSame([], array_values(array_diff($other, $english)), 'left over');
        self::assertSame(count($english), count($other));
    }

    /**
     * Proves that each blank of a text is there, once as often as in English.
     *
     * @dataProvider languages
     */
    public function testTheSameBlanks(string $language): void
    {
        $other = self::texts($language);
        foreach (self::texts('en_us') as $key => $text) {
            self::assertSame(self::blanks($text), self::blanks($other[$key]), $key);
        }
    }

    /**
     * Proves that nothing was left in English, and that no text carries markup.
     *
     * @dataProvider languages
     */
    public function testEverythingIsTranslated(string $language): void
    {
        $other = self::texts($language);
        foreach (self::texts('en_us') as $key => $text) {
            self::assertSame(strip_tags($other[$key]), $other[$key], $key);
            self::assertNotSame('', trim($other[$key]), $key);
            if (!in_array($text, self::ALIKE, true)) {
                self::assertNotSame($text, $other[$key], "$key is still English");
            }
        }
    }

    /**
     * Proves that the welcome mail exists in every language, names everything there is to know, and nothing that a service
     * does not offer to mails.
     */
    public function testWelcomeMails(): void
    {
        (new \ModuleManager())->initModule(); // its constructor reads the configuration
        $templates = \Configure::get('Infrafabric.email_templates');
        $folder = array_values(array_diff(scandir(self::FOLDER) ?: [], ['.', '..']));
        self::assertEqualsCanonicalizing($folder, array_keys($templates));
        $config = json_decode((string) file_get_contents(self::FOLDER . '/../config.json'), true);
        $wanted = ['ifb_hostname', 'ifb_ips', 'ifb_user', 'ifb_password', 'ifb_datacenter', 'ifb_image'];
        $ready = \Configure::get('Infrafabric.ready_mail');
        self::assertEqualsCanonicalizing($folder, array_keys($ready));
        foreach ($ready as $language => $mail) {
            self::assertSame($language, self::texts($language)['Infrafabric.language']);
            self::assertStringContainsString('{service.ifb_password}', $mail['text']);
            self::assertStringContainsString('{service.ifb_hostname}', $mail['subject']);
        }
        foreach ($templates as $language => $template) {
            self::assertSame($language, $template['lang']);
            foreach (['text', 'html'] as $form) {
                preg_match_all('/\{service\.(\w+)\}/', $template[$form], $named);
                self::assertEqualsCanonicalizing($wanted, array_unique($named[1]));
                self::assertSame([], array_diff($named[1], $config['email_tags']['service']));
                $open = substr_count($template[$form], '{% if ');
                self::assertSame($open, substr_count($template[$form], '{% endif %}'));
            }
        }
    }

    /**
     * @return list<string>
     */
    private static function blanks(string $text): array
    {
        preg_match_all('/%\d\$s/', $text, $found);
        sort($found[0]);

        return $found[0];
    }
}
